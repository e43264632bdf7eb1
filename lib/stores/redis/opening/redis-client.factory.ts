/** From the `redis` option to a client. The only file that imports ioredis. */
import { Redis } from 'ioredis';
import { runOutside } from '../../../core/time/outside.js';
import { DatabaseGuard } from '../health/database-guard.js';
import { checkFailover } from './failover-check.js';
import type { RedisLike, RedisSettings } from '../client/redis-client.interface.js';
import type { RedisTarget } from './redis-option.js';
import { type ConnectionLog, type ConnectionWatch, watchConnection } from '../health/connection-log.js';

export interface RedisConnection {
  readonly client: RedisLike;
  /** Did we open it? Then it is ours to close. */
  readonly owned: boolean;
  /** Connects in the background, so that the first lock does not wait for it. Nothing for the application's own. */
  connect(): void;
  /** Ended by the store that uses it. */
  readonly database: DatabaseGuard;
  /** Its up and down, as logged. To be ended before the client is closed. */
  readonly watch: ConnectionWatch;
}

export interface RedisConnectionSettings {
  /** What the connection is called in `CLIENT LIST`. */
  readonly connectionName: string;
  /** How long a reply may take, in ms. */
  readonly commandTimeout: number;
  readonly log: ConnectionLog;
}

const FIRST_RETRY = 50;
const LONGEST_RETRY = 1_000;
const CONNECT_TIMEOUT = 5_000;
const READONLY_PAUSE = 5_000;

export function connectRedis(target: RedisTarget, settings: RedisConnectionSettings): RedisConnection {
  if (target.kind === 'client') {
    const { client } = target;
    checkFailover(client, (message) => settings.log.warn(message));
    return { client, owned: false, connect: () => undefined, ...watched(client, settings.log, false) };
  }
  const ours = ownDefaults(settings);
  const client =
    target.kind === 'url'
      ? new Redis(target.url, ours)
      : new Redis({ ...ours, ...given(target.settings), ...sentinelDefaults(target.settings) });
  const lazy = target.kind === 'settings' && target.settings.lazyConnect === true;
  const connect = () => {
    // Its failure reaches the log by the client's events, and it tries again by itself.
    if (!lazy && client.status === 'wait') void runOutside(() => client.connect().catch(() => undefined));
  };
  return { client, owned: true, connect, ...watched(client, settings.log, true) };
}

function watched(
  client: RedisLike,
  log: ConnectionLog,
  owned: boolean,
): Pick<RedisConnection, 'database' | 'watch'> {
  const database = new DatabaseGuard(client, (message) => log.warn(message));
  return { database, watch: watchConnection(client, log, { owned, database }) };
}

/** What a user's own options or URL do not say. */
function ownDefaults({ connectionName }: RedisConnectionSettings) {
  return {
    connectionName,
    // The module connects when the application starts: one that is only compiled, as in a test, opens nothing.
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    keepAlive: 10_000,
    // For ever: an application that started before its Redis finds it later.
    retryStrategy: (attempt: number) =>
      Math.min(FIRST_RETRY * 2 ** Math.min(attempt - 1, 10), LONGEST_RETRY) * (0.75 + Math.random() / 2),
    maxLoadingRetryTime: LONGEST_RETRY,
    // The store bounds each reply by its own timer. Counting retries would add errors at random moments.
    maxRetriesPerRequest: null,
    // Every command of the store may run twice, or late, without harm: a short interruption stays invisible.
    enableOfflineQueue: true,
    autoResendUnfulfilledCommands: true,
    reconnectOnError: leaveReplica(),
  };
}

/** ioredis would stay with a master that the sentinels have replaced. The option goes to the wake connection as well. */
function sentinelDefaults({ sentinels, failoverDetector }: RedisSettings): object {
  return sentinels ? { failoverDetector: failoverDetector ?? true } : {};
}

/**
 * After a fail-over behind one address the old master becomes a replica and may keep our connection: check up the
 * address again, but not for each command while it stays one.
 */
function leaveReplica(): (error: Error) => boolean {
  let last = -Infinity;
  return (error) => {
    if (!error.message.includes('READONLY') || performance.now() - last < READONLY_PAUSE) return false;
    last = performance.now();
    return true;
  };
}

/** Without what is undefined, as an unset variable of the environment leaves it. */
function given(settings: object): object {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
