/** The routes of the dashboard. They send by `@Res()`, so that no interceptor of the application wraps what they send. */
import {
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Logger,
  Post,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
  createParamDecorator,
} from '@nestjs/common';
import { isLockError, printable } from '../errors/index.js';
import type { ReleasePermission } from './dashboard.options.js';
import { EventStream } from './http/event-stream.js';
import { type DashboardReply, type DashboardRequest, queryOf, send, sendJson } from './http/messages.js';
import { basicCredentials } from './http/protection.guards.js';
import { readRelease } from './http/release-request.js';
import { foreignRead, foreignRelease } from './http/same-origin.js';
import type { ResolvedDashboardOptions } from './resolve-dashboard-options.js';
import { LiveFeed } from './state/live-feed.js';
import { LockDetails } from './state/lock-details.js';
import { LockSources } from './state/lock-sources.js';
import { PAGE, SCRIPT, STYLE } from './ui.generated.js';

export const DASHBOARD_OPTIONS = Symbol.for('nestjs-locked.dashboard.options');

const Context = createParamDecorator((_: unknown, context: ExecutionContext) => context);
const LONGEST_NAME = 80;
const INVALID_KEY = 'No lock can have this key.';

class DashboardController {
  readonly #logger = new Logger('LockDashboard');

  constructor(
    @Inject(DASHBOARD_OPTIONS) private readonly options: ResolvedDashboardOptions,
    @Inject(LockSources) private readonly sources: LockSources,
    @Inject(LockDetails) private readonly details: LockDetails,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
  ) {}

  @Get()
  page(@Req() request: DashboardRequest, @Res() reply: DashboardReply): void {
    const [path] = (request.originalUrl ?? request.url).split('?');
    const name = path.slice(path.lastIndexOf('/') + 1);
    // Relative addresses are right behind every prefix. Any other character than these would be a mark of HTML.
    const base = name === '' ? '' : `${name.replace(/[^\w.~%-]/g, encodeURIComponent)}/`;
    send(reply, 'text/html', PAGE.replaceAll('{base}', base));
  }

  @Get('app.js')
  script(@Res() reply: DashboardReply): void {
    send(reply, 'text/javascript', SCRIPT);
  }

  @Get('style.css')
  style(@Res() reply: DashboardReply): void {
    send(reply, 'text/css', STYLE);
  }

  @Get('state')
  async state(@Req() request: DashboardRequest, @Res() reply: DashboardReply): Promise<void> {
    if (foreignRead(request, this.options.origins)) return sendError(reply, 403, 'The page is foreign.');
    const key = queryOf(request, 'key');
    if (key === undefined) return sendJson(reply, await this.feed.current());
    const name = queryOf(request, 'service') ?? '';
    const locks = this.sources.get(name);
    if (locks === undefined) return sendError(reply, 400, 'The dashboard does not show this service.');
    try {
      sendJson(reply, { lock: await this.details.of(name, locks, key) });
    } catch (error) {
      if (isLockError(error, 'LOCK_KEY')) return sendError(reply, 400, INVALID_KEY, error.code);
      sendError(reply, 503, 'The lock cannot be read.', codeOf(error));
    }
  }

  @Get('live')
  async live(
    @Req() request: DashboardRequest,
    @Res() reply: DashboardReply,
    @Context() context: ExecutionContext,
  ): Promise<void> {
    if (foreignRead(request, this.options.origins)) return sendError(reply, 403, 'The page is foreign.');
    const release = (await this.#permission(context)) !== false;
    if (this.feed.ended) return sendError(reply, 503, 'The application shuts down.');
    const stream = new EventStream(reply);
    const { refresh, traceUrl } = this.options;
    stream.send('hello', JSON.stringify({ release, refresh, traceUrl }));
    // A HEAD request has no body that could be followed.
    if (request.method === 'HEAD') stream.end();
    else this.feed.watch(stream);
  }

  @Post('release')
  async release(
    @Req() request: DashboardRequest,
    @Res() reply: DashboardReply,
    @Context() context: ExecutionContext,
  ): Promise<void> {
    const foreign = foreignRelease(request, this.options.origins);
    if (foreign !== undefined) return sendError(reply, 403, foreign);
    const permission = await this.#permission(context);
    if (permission === false) return sendError(reply, 403, 'The dashboard may not release locks.');
    const body = readRelease(request);
    if (typeof body === 'string') return sendError(reply, 400, body);
    const { service, key, holder, reason } = body;
    const locks = this.sources.get(service);
    if (locks === undefined) return sendError(reply, 400, 'The dashboard does not show this service.');
    const by = nameOf(permission, request, this.options.basic);
    try {
      sendJson(reply, await locks.forceRelease(key, { holder, by, reason }));
    } catch (error) {
      if (isLockError(error, 'LOCK_KEY')) return sendError(reply, 400, INVALID_KEY, error.code);
      this.#logger.error('A lock could not be released.', error);
      sendError(reply, 503, 'The lock could not be released.', codeOf(error));
    }
  }

  /** @returns the person's name, if the application tells it. */
  async #permission(context: ExecutionContext): Promise<boolean | string> {
    const { release } = this.options;
    if (typeof release === 'boolean') return release;
    const permission = await (release satisfies ReleasePermission)(context);
    return permission === true || (typeof permission === 'string' && permission !== '') ? permission : false;
  }
}

/** A controller of its own for each dashboard, because its path and guards are metadata of the class. */
export function dashboardController({ path, guards, decorators }: ResolvedDashboardOptions): Type {
  class LockDashboardController extends DashboardController {}
  // The build shortens the names of inner classes, and Nest logs this one.
  Object.defineProperty(LockDashboardController, 'name', { value: 'LockDashboardController' });
  const all = [...decorators, UseGuards(...guards), Controller({ path, version: VERSION_NEUTRAL })];
  for (const decorate of all.reverse()) decorate(LockDashboardController);
  return LockDashboardController;
}

function sendError(reply: DashboardReply, status: number, error: string, code?: string): void {
  sendJson(reply, { error, code }, status);
}

function codeOf(error: unknown): string {
  return isLockError(error) ? error.code : 'ERROR';
}

/** The person, as the logs name it. The user name of a password is only what the person typed. */
function nameOf(permission: boolean | string, request: DashboardRequest, basic: boolean): string {
  const user = basic ? basicCredentials(request)?.user : undefined;
  const name = typeof permission === 'string' ? permission : (user ?? '');
  const from = request.ip === undefined ? '' : `, ${request.ip}`;
  return `${name === '' ? 'somebody' : printable(name, LONGEST_NAME)} (dashboard${from})`;
}
