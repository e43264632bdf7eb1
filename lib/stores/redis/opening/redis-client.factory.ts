/** Makes a client from the option `redis`. Of the files of the module, only this one imports ioredis. */
import { Redis } from 'ioredis';
import { runOutside } from '../../../core/time/outside.js';
import { DatabaseGuard } from '../health/database-guard.js';
import { ReplicaExit } from '../health/replica-exit.js';
import { checkFailover } from './failover-check.js';
import type { RedisLike, RedisSettings } from '../client/redis-client.interface.js';
import type { RedisTarget } from './redis-option.js';
import { type ConnectionLog, type ConnectionWatch, watchConnection } from '../health/connection-log.js';

export interface RedisConnection {
  readonly client: RedisLike;
  /** Whether this module opened the client, and so has to close it. */
  readonly owned: boolean;
  /**
   * Connects in the background, so that the first lock does not wait for the connection. Does nothing with a client of
   * the application.
   */
  connect(): void;
  /** The store that uses the guard ends it. */
  readonly database: DatabaseGuard;
  /** Logs when the connection goes down and comes back. To be ended before the client is closed. */
  readonly watch: ConnectionWatch;
}

export interface RedisConnectionSettings {
  /** The name of the connection in `CLIENT LIST`. */
  readonly connectionName: string;
  /** How long a reply may take, in ms. */
  readonly commandTimeout: number;
  readonly log: ConnectionLog;
}

const FIRST_RETRY = 50;
const LONGEST_RETRY = 1_000;
const CONNECT_TIMEOUT = 5_000;

export function connectRedis(target: RedisTarget, settings: RedisConnectionSettings): RedisConnection {
  if (target.kind === 'client') {
    const { client } = target;
    checkFailover(client, (message) => settings.log.warn(message));
    return { client, owned: false, connect: () => undefined, ...watched(client, settings.log) };
  }
  const replica = new ReplicaExit();
  const ours = ownDefaults(settings, replica);
  const client =
    target.kind === 'url'
      ? new Redis(target.url, ours)
      : new Redis({ ...ours, ...given(target.settings), ...sentinelDefaults(target.settings) });
  const lazy = target.kind === 'settings' && target.settings.lazyConnect === true;
  const connect = () => {
    // A failure is logged by way of the client's events, and the client tries again by itself.
    if (!lazy && client.status === 'wait') void runOutside(() => client.connect().catch(() => undefined));
  };
  return { client, owned: true, connect, ...watched(client, settings.log, replica) };
}

function watched(
  client: RedisLike,
  log: ConnectionLog,
  replica?: ReplicaExit,
): Pick<RedisConnection, 'database' | 'watch'> {
  const database = new DatabaseGuard(client, (message) => log.warn(message));
  return { database, watch: watchConnection(client, log, { database, replica }) };
}

/** Defaults for what the user's options or URL leave open. */
function ownDefaults({ connectionName }: RedisConnectionSettings, replica: ReplicaExit) {
  return {
    connectionName,
    // The module connects when the application starts. A module that is only compiled, as in a test, opens nothing.
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    keepAlive: 10_000,
    // Tries for ever: an application that started before Redis connects later.
    retryStrategy: (attempt: number) =>
      Math.min(FIRST_RETRY * 2 ** Math.min(attempt - 1, 10), LONGEST_RETRY) * (0.75 + Math.random() / 2),
    maxLoadingRetryTime: LONGEST_RETRY,
    // The store bounds each reply by its own timer. A limit on retries would add errors at random moments.
    maxRetriesPerRequest: null,
    // Each command of the store may run twice, or late, without harm. So a short interruption stays invisible.
    enableOfflineQueue: true,
    autoResendUnfulfilledCommands: true,
    reconnectOnError: replica.reconnectOnError,
  };
}

/**
 * Without `failoverDetector`, ioredis would stay with a master that the sentinels have replaced. The connection for
 * hand-offs gets the option as well.
 */
function sentinelDefaults({ sentinels, failoverDetector }: RedisSettings): object {
  return sentinels ? { failoverDetector: failoverDetector ?? true } : {};
}

/** The settings without undefined values: an unset environment variable leaves such a value. */
function given(settings: object): object {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
