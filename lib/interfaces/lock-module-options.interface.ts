import type { LockDefaults } from '../core/acquire.options.js';
import type { Duration } from '../core/duration.js';
import type { LockStore } from '../core/store.contract.js';
import type { RedisLike, RedisSettings } from '../stores/redis/redis-client.interface.js';

/** The options of `LockModule.forRoot()`. */
export interface LockModuleOptions {
  /**
   * Where Redis is: a URL, ioredis options, or an ioredis `Redis` or `Cluster` of the application's own (version 5 or
   * 6; never closed by this module).
   * @default 'redis://localhost:6379'
   */
  redis?: string | RedisSettings | RedisLike;
  /** A store in place of Redis, such as `memoryStore()`. Not together with `redis`, `prefix` or `commandTimeout`. */
  store?: LockStore;
  /**
   * Goes before every key in Redis.
   * @default 'lock:'
   */
  prefix?: string;
  /**
   * A label in the tokens of this instance, for people who look into Redis.
   * @default the host's name and the process id
   */
  owner?: string;
  /**
   * How long to wait for each reply of Redis.
   * @default '2s'
   */
  commandTimeout?: Duration;
  /** What acquisitions of this module use where they say nothing. */
  defaults?: LockDefaults;
  /**
   * How many callers of this process may wait for one key; the next one gets a LockQueueFullError.
   * @default no bound
   */
  maxWaiters?: number;
  /**
   * Log a hold, once, when it has lasted this long.
   * @default '60s'
   */
  longHold?: Duration;
  /** How errors look to HTTP clients. */
  http?: {
    /**
     * The status of a busy lock.
     * @default 423
     */
    busyStatus?: number;
  };
  /**
   * Turn lock errors into HTTP, RPC and WebSocket errors by one global interceptor.
   * @default true
   */
  mapErrors?: boolean;
}

/** For `forRootAsync({ useClass | useExisting })`. */
export interface LockOptionsFactory {
  createLockOptions(): LockModuleOptions | Promise<LockModuleOptions>;
}
