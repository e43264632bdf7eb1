/** The guards of the options `authorize`, `password` and `unprotected`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  UnauthorizedException,
} from '@nestjs/common';
import { type DashboardReply, type DashboardRequest, SAFE_HEADERS, headerOf } from './messages.js';
import { isKnownHost } from './same-origin.js';

export class AuthorizeGuard implements CanActivate {
  readonly #authorize: (context: ExecutionContext) => boolean | Promise<boolean>;

  constructor(authorize: (context: ExecutionContext) => boolean | Promise<boolean>) {
    this.#authorize = authorize;
  }

  /** Only `true` lets in. A value that is merely truthy may be a promise of a promise or an object by mistake. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (await this.#authorize(context)) === true;
  }
}

export class PasswordGuard implements CanActivate {
  readonly #digest: Buffer;

  constructor(password: string) {
    this.#digest = digest(password);
  }

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const given = basicCredentials(http.getRequest<DashboardRequest>());
    // Digests have equal lengths, so the time of the comparison tells nothing about the password.
    if (given !== undefined && timingSafeEqual(digest(given.password), this.#digest)) return true;
    const reply = http.getResponse<DashboardReply>();
    setSafeHeaders(reply);
    reply.header('www-authenticate', 'Basic realm="Locks", charset="UTF-8"');
    throw new UnauthorizedException('The lock dashboard needs its password.');
  }
}

/** Lets each request in that names a known host. */
export class KnownHostGuard implements CanActivate {
  constructor(private readonly origins: ReadonlySet<string>) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    if (isKnownHost(http.getRequest<DashboardRequest>(), this.origins)) return true;
    setSafeHeaders(http.getResponse<DashboardReply>());
    throw new ForbiddenException(
      'The lock dashboard is unprotected, so it is served only at localhost, at an IP address, and at the origins of the ' +
        'option "origins". Add this origin, or choose a protection.',
    );
  }
}

function setSafeHeaders(reply: DashboardReply): void {
  for (const [name, value] of Object.entries(SAFE_HEADERS)) reply.header(name, value);
}

/** The user name and the password that the browser sends. */
export function basicCredentials(
  request: DashboardRequest,
): { readonly user: string; readonly password: string } | undefined {
  const [, encoded] = /^basic +([\w+/=-]+)$/i.exec(headerOf(request, 'authorization') ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function digest(password: string): Buffer {
  return createHash('sha256').update(password).digest();
}
