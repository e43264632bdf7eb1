/** What the dashboard uses of a request and a reply. Express and Fastify have these members in common. */
import type { ServerResponse } from 'node:http';

export interface DashboardRequest {
  readonly method: string;
  /** The URL as it came. `url` may be shortened by a router that the application is mounted in. */
  readonly originalUrl?: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly ip?: string;
}

export interface DashboardReply {
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  send(body: string): unknown;
  /** Fastify: takes the reply out of the hands of the framework. */
  hijack?(): unknown;
  /** Fastify: the response of Node. Express extends the response of Node. */
  readonly raw?: ServerResponse;
}

/** Strict, because keys may come from strangers: nothing runs and nothing is loaded except the page's own two files. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex',
};

export function send(reply: DashboardReply, type: string, body: string, status = 200): void {
  reply.status(status);
  for (const [name, value] of Object.entries(SAFE_HEADERS)) reply.header(name, value);
  reply.header('content-type', `${type}; charset=utf-8`);
  reply.send(body);
}

export function sendJson(reply: DashboardReply, body: unknown, status = 200): void {
  send(reply, 'application/json', typeof body === 'string' ? body : JSON.stringify(body), status);
}

/** A header that came once. */
export function headerOf(request: DashboardRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** A parameter of the query that came once. */
export function queryOf(request: DashboardRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
