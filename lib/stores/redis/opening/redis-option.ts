/** Checks the option `redis` at start-up, before anything connects. */
import { LockOptionsError, redactUrl } from '../../../errors/index.js';
import { badOption } from '../../../core/options/option-checks.js';
import { IOREDIS_OPTIONS, nearMiss, SENTINEL_OPTIONS, TLS_OPTIONS } from './ioredis-options.js';
import type { RedisLike, RedisSettings } from '../client/redis-client.interface.js';

/** What the option stands for. */
export type RedisTarget =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'settings'; readonly settings: RedisSettings }
  | { readonly kind: 'client'; readonly client: RedisLike };

const RIGHT =
  "a URL such as 'redis://localhost:6379', ioredis options such as { host, port }, or a Redis or Cluster of ioredis";

const NESTED = 'give its content directly as "redis"';

/** Names that ioredis would ignore silently. It would then connect to localhost. */
const MISTAKEN: Readonly<Record<string, string>> = {
  url: "give the URL itself: redis: 'redis://localhost:6379'",
  uri: "give the URL itself: redis: 'redis://localhost:6379'",
  hostname: 'ioredis calls it "host"',
  user: 'ioredis calls it "username"',
  pass: 'ioredis calls it "password"',
  database: 'ioredis calls it "db"',
  socket: 'it is an option of the package "redis"; ioredis takes "host" and "port" beside the other options',
  nodes: 'for a Cluster, make one with ioredis and give it: redis: new Cluster([…])',
  cluster: 'for a Cluster, make one with ioredis and give it: redis: new Cluster([…])',
  client: 'give the client itself: redis: client',
  redis: NESTED,
  config: NESTED,
  connection: NESTED,
  redisOptions: NESTED,
};

/** Each of these options says where Redis is. Without any of them, ioredis connects to localhost. */
const ADDRESSES = ['host', 'path', 'sentinels'];

/** @throws LockOptionsError */
export function checkRedis(path: string, value: unknown): RedisTarget {
  if (typeof value === 'string') return { kind: 'url', url: checkUrl(path, value) };
  if (typeof value !== 'object' || value === null) throw badOption(path, value, RIGHT);
  if (isRedisLike(value)) return { kind: 'client', client: value };
  if (Array.isArray(value)) {
    throw new LockOptionsError(path, value, `The lock option "${path}" is a list; it must be ${RIGHT}.`);
  }
  if ('sendCommand' in value || 'connect' in value) {
    throw new LockOptionsError(
      path,
      value,
      `The lock option "${path}" is a client that is not of ioredis (perhaps of the package "redis"); it must be ${RIGHT}.`,
    );
  }
  return { kind: 'settings', settings: checkSettings(path, value as RedisSettings) };
}

/** By structure, because `instanceof` fails across versions and copies of ioredis. */
export function isRedisLike(value: unknown): value is RedisLike {
  if (typeof value !== 'object' || value === null) return false;
  const client = value as Partial<Record<keyof RedisLike, unknown>>;
  return (
    typeof client.status === 'string' &&
    typeof client.options === 'object' &&
    (['call', 'duplicate', 'on', 'off', 'connect', 'disconnect'] as const).every(
      (method) => typeof client[method] === 'function',
    )
  );
}

function checkUrl(path: string, url: string): string {
  const bad = (problem: string) =>
    new LockOptionsError(
      path,
      redactUrl(url),
      `The lock option "${path}" is '${redactUrl(url)}': ${problem}. It must be a URL such as ` +
        `'redis://localhost:6379', 'rediss://user:password@host:6380/0', or the path of a socket.`,
    );
  if (url === '') throw bad('it is empty');
  if (/^\/[^/]/.test(url)) {
    checkQuery(path, new URLSearchParams(/\?(.*)/s.exec(url)?.[1]), bad);
    return url;
  }
  const scheme = /^(rediss?):\/\//i.exec(url);
  if (scheme === null) throw bad('it does not begin with redis:// or rediss://');
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw bad('it cannot be read (a password must be percent-encoded, a port must be a number up to 65535)');
  }
  if (parsed.hostname === '') throw bad('it names no host');
  if (!/^\/?\d*$/.test(parsed.pathname)) throw bad('what follows the host is the number of a database');
  checkQuery(path, parsed.searchParams, bad);
  try {
    decodeURIComponent(parsed.username);
    decodeURIComponent(parsed.password);
  } catch {
    throw bad('its user or password has a "%" that is not percent-encoded, as %25');
  }
  // ioredis knows the scheme in lower case only. It would connect to REDISS:// without TLS.
  return scheme[1].toLowerCase() + url.slice(scheme[1].length);
}

/** ioredis reads the part after the "?" as options. */
function checkQuery(path: string, query: URLSearchParams, bad: (problem: string) => LockOptionsError): void {
  checkOptionNames(path, Object.fromEntries(query), IOREDIS_OPTIONS);
  if (!/^\d*$/.test(query.get('db') ?? '')) throw bad('its "db" is not the number of a database');
  if (query.has('sentinels')) throw bad('a URL cannot name sentinels; give { sentinels, name }');
}

function checkSettings(path: string, settings: RedisSettings): RedisSettings {
  checkOptionNames(path, settings, IOREDIS_OPTIONS);
  checkAddressed(path, settings);
  const check = (name: string, right: string, isRight: (value: unknown) => boolean) => {
    const value = settings[name];
    if (value === undefined || value === null || isRight(value)) return;
    const secret = name === 'password';
    throw badOption(`${path}.${name}`, secret ? `a ${typeof value}` : value, right);
  };
  check('host', 'the name or address of a host', isText);
  check('port', 'a whole number from 1 to 65535', (value) => isWhole(value, 1, 65_535));
  check('path', 'the path of a socket', isText);
  check('db', 'the number of a database', (value) => isWhole(value, 0, 2 ** 31));
  check('username', 'a string', (value) => typeof value === 'string');
  check('password', 'a string', (value) => typeof value === 'string');
  check('keyPrefix', 'a string', (value) => typeof value === 'string' || Buffer.isBuffer(value));
  check('failoverDetector', 'true or false', (value) => typeof value === 'boolean');
  check('sentinels', 'a list of { host, port }', (value) => Array.isArray(value) && value.length > 0);
  for (const [i, sentinel] of (settings.sentinels ?? []).entries()) {
    checkSentinel(`${path}.sentinels.${i}`, sentinel);
  }
  for (const name of ['tls', 'sentinelTLS']) {
    const tls = settings[name];
    if (typeof tls === 'object' && tls !== null) checkOptionNames(`${path}.${name}`, tls, TLS_OPTIONS);
  }
  if (settings.sentinels && !isText(settings.name)) {
    throw badOption(
      `${path}.name`,
      settings.name,
      "the name of the master that the sentinels watch, such as 'mymaster'",
    );
  }
  return settings;
}

/** ioredis ignores unknown names: with a misspelt "host" it connects to localhost. @throws LockOptionsError */
function checkOptionNames(path: string, options: object, known: readonly string[]): void {
  for (const name in options) {
    const at = `${path}.${name}`;
    const refused = (cure: string) =>
      new LockOptionsError(at, undefined, `There is no lock option "${at}": ${cure}.`);
    const value = (options as Record<string, unknown>)[name];
    if (known === IOREDIS_OPTIONS && Object.hasOwn(MISTAKEN, name) && value !== undefined) {
      throw refused(MISTAKEN[name]);
    }
    const meant = nearMiss(name, known);
    if (meant !== undefined)
      throw refused(`did you mean "${path}.${meant}"? ioredis ignores names that it does not know`);
  }
}

/** An address without a value would be localhost: an unset environment variable has no value. */
function checkAddressed(path: string, settings: RedisSettings): void {
  const isGiven = (name: string) => settings[name] !== undefined && settings[name] !== null;
  if (ADDRESSES.some(isGiven)) return;
  const unset = ADDRESSES.find((name) => name in settings);
  if (unset !== undefined) {
    const at = `${path}.${unset}`;
    throw new LockOptionsError(
      at,
      settings[unset],
      `The lock option "${at}" is given as ${String(settings[unset])}, such as an unset variable of the environment: locks would ` +
        `be on localhost. Give the option a value, or leave the option out for localhost.`,
    );
  }
  if (isGiven('name')) {
    throw badOption(
      `${path}.sentinels`,
      settings.sentinels,
      'a list of { host, port }, because "name" is the name of a master that sentinels watch',
    );
  }
}

/** Without a host, ioredis would connect to a Sentinel on localhost. */
function checkSentinel(path: string, sentinel: unknown): void {
  if (typeof sentinel !== 'object' || sentinel === null) throw badOption(path, sentinel, '{ host, port }');
  checkOptionNames(path, sentinel, SENTINEL_OPTIONS);
  const { host, port } = sentinel as { host?: unknown; port?: unknown };
  if (!isText(host)) throw badOption(`${path}.host`, host, 'the name or address of a host');
  if (port !== undefined && !isWhole(port, 1, 65_535)) {
    throw badOption(`${path}.port`, port, 'a whole number from 1 to 65535');
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** Also accepts a string of digits: environment variables are strings, and ioredis reads them as numbers. */
function isWhole(value: unknown, least: number, most: number): boolean {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return Number.isInteger(number) && Number(number) >= least && Number(number) <= most;
}
