/**
 * Refuses requests that a foreign page sends by the browser of a permitted person. There is no token: behind a load
 * balancer, the process that gets the release need not be the one that served the page.
 */
import { isIP } from 'node:net';
import { type DashboardRequest, headerOf } from './messages.js';

/** A header that a foreign page can send only after the server has allowed it by CORS. */
export const OWN_HEADER = 'x-nestjs-locked';

/** Why a release is refused. Undefined if the page of this dashboard sent it. */
export function foreignRelease(request: DashboardRequest, origins: ReadonlySet<string>): string | undefined {
  const site = headerOf(request, 'sec-fetch-site');
  // Over plain HTTP, browsers send this header to localhost alone.
  if (site !== undefined && site !== 'same-origin') return `Sec-Fetch-Site is not same-origin.`;
  const origin = headerOf(request, 'origin');
  if (origin === undefined) return 'The Origin header is missing.';
  if (!isOwn(origin, request, origins)) {
    return 'The Origin is foreign. If a proxy replaces the Host header, add the origin to the option "origins".';
  }
  if (headerOf(request, OWN_HEADER) === undefined) return `The header ${OWN_HEADER} is missing.`;
  if (!/^application\/json\s*(;|$)/i.test(headerOf(request, 'content-type') ?? '')) {
    return 'The Content-Type is not application/json.';
  }
  return undefined;
}

/** Whether a foreign page reads the locks, which permissive CORS would let it do. */
export function foreignRead(request: DashboardRequest, origins: ReadonlySet<string>): boolean {
  const site = headerOf(request, 'sec-fetch-site');
  if (site === 'cross-site' || site === 'same-site') return true;
  const origin = headerOf(request, 'origin');
  return origin !== undefined && !isOwn(origin, request, origins);
}

/**
 * Whether the request names a host that no stranger can have chosen. A stranger can let a domain of his resolve to this
 * server. A page of that domain is then of the same origin, and only the Host header tells the difference.
 */
export function isKnownHost(request: DashboardRequest, origins: ReadonlySet<string>): boolean {
  const host = hostOf(request, 'http:');
  if (host === undefined) return false;
  const name = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  return [...origins].some((origin) => isHostOf(origin, request));
}

/** The scheme is not compared, because a proxy may end TLS. */
function isOwn(origin: string, request: DashboardRequest, origins: ReadonlySet<string>): boolean {
  return origins.has(origin) || (URL.canParse(origin) && isHostOf(origin, request));
}

function isHostOf(origin: string, request: DashboardRequest): boolean {
  const { protocol, host } = new URL(origin);
  return /^https?:$/.test(protocol) && host === hostOf(request, protocol);
}

/** The host and the port of the server as the client named them, without the default port of the scheme. */
function hostOf(request: DashboardRequest, scheme: string): string | undefined {
  const host = headerOf(request, 'host') ?? headerOf(request, ':authority') ?? '';
  const address = `${scheme}//${host}`;
  if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(address)) return undefined;
  return new URL(address).host;
}
