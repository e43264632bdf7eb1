/** Connects to Redis, and makes the inspection of a LockService without Nest. */
import { Cluster, Redis } from 'ioredis';
import { hostname } from 'node:os';
import { LockEngine } from '../core/engine/lock-engine.js';
import type { InspectOptions, LockOverview } from '../core/inspection/lock-info.js';
import { LockStoreError, redactError, redactUrl } from '../errors/index.js';
import { LockInspection } from '../lock.inspection.js';
import { messageOf } from '../stores/redis/errors/error-message.js';
import { checkRedis } from '../stores/redis/opening/redis-option.js';
import { loadRedis } from '../stores/redis/load-redis.js';
import type { Arguments } from './input/arguments.js';
import { UsageError } from './exit-codes.js';
import type { OpenedLocks } from './inspector.js';

/** In ms. A person waits for the reply. */
const TIMEOUT = 2_000;

/** How long the connection and the login may take together, in ms. */
const LONGEST_START = 4_000;

/** The processes of an overview are those of the application. */
class InspectionAlone extends LockInspection {
  constructor(
    engine: LockEngine,
    private readonly owner: string,
  ) {
    super(engine);
  }

  override async overview(options?: InspectOptions): Promise<LockOverview> {
    const found = await super.overview(options);
    return { ...found, processes: found.processes.filter(({ owner }) => owner !== this.owner) };
  }
}

type Target = Pick<Arguments, 'url' | 'prefix' | 'cluster'>;

/** @throws LockStoreError if Redis cannot be reached. @throws LockOptionsError if the URL is invalid. */
export async function openLocks(target: Target, warn: (message: string) => void): Promise<OpenedLocks> {
  const client = makeClient(target);
  let last: Error | undefined;
  client.on('error', (error: Error) => (last = redactError(error)));
  let timer: NodeJS.Timeout | undefined;
  // A Cluster that is not complete neither connects nor fails.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(silence(target))), LONGEST_START);
  });
  try {
    await Promise.race([client.connect(), late]);
  } catch (error) {
    client.disconnect();
    const cause = ofNode(last ?? error);
    throw new LockStoreError(
      `Redis at ${redactUrl(target.url)} cannot be reached: ${messageOf(cause)}`,
      cause,
    );
  } finally {
    clearTimeout(timer);
  }
  const { RedisLockStore } = loadRedis();
  const store = new RedisLockStore({
    client,
    prefix: target.prefix,
    commandTimeout: TIMEOUT,
    owned: true,
    warn,
  });
  const owner = `${hostname()}:${process.pid}`;
  const engine = new LockEngine({
    store,
    owner,
    maxWaiters: Infinity,
    longHold: Infinity,
    inspection: 'off',
    emit: () => undefined,
  });
  return {
    locks: new InspectionAlone(engine, owner),
    async close() {
      await engine.close();
      await store.close();
    },
  };
}

/** The error of a node says more than that of a Cluster, which is only that no node has helped. */
function ofNode(error: unknown): unknown {
  const { lastNodeError } = (error ?? {}) as { lastNodeError?: unknown };
  return lastNodeError instanceof Error ? redactError(lastNodeError) : error;
}

function silence({ cluster }: Target): string {
  const seconds = LONGEST_START / 1_000;
  return cluster
    ? `the Cluster was not ready for ${seconds} s. See "cluster_state" in the reply to CLUSTER INFO.`
    : `it has not answered for ${seconds} s`;
}

function makeClient({ url, cluster }: Target): Redis | Cluster {
  const checked = checkRedis('--url', url);
  if (checked.kind !== 'url') throw new UsageError('--url must be a URL.');
  const shared = { connectionName: 'nestjs-locked:cli', connectTimeout: TIMEOUT, maxRetriesPerRequest: null };
  // The first connection fails at once, so that a wrong URL does. A later one is repeated, as "watch" needs it.
  let connected = false;
  const retry = () => (connected ? 500 : null);
  const client = cluster
    ? new Cluster([nodeOf(checked.url)], {
        lazyConnect: true,
        clusterRetryStrategy: retry,
        redisOptions: { ...shared, ...loginOf(checked.url) },
      })
    : new Redis(checked.url, { ...shared, lazyConnect: true, retryStrategy: retry });
  client.once('ready', () => (connected = true));
  return client;
}

function nodeOf(url: string): { host: string; port: number } {
  const { hostname: host, port } = urlOf(url);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port || 6379) };
}

/** What each node of the Cluster needs. */
function loginOf(url: string): { username?: string; password?: string; tls?: object } {
  const { username, password, protocol } = urlOf(url);
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
}

function urlOf(url: string): URL {
  if (url.startsWith('/'))
    throw new UsageError('A Cluster needs a URL with a host, and not the path of a socket.');
  return new URL(url);
}
