import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { LockDefaults } from '../core/options/acquire.options.js';
import type { Duration } from '../core/time/duration.js';
import type { LockStore } from '../core/contracts/store.contract.js';
import type { RedisLike, RedisSettings } from '../stores/redis/client/redis-client.interface.js';

/** The options of `LockModule.forRoot()`. */
export interface LockModuleOptions {
  /**
   * Where Redis is: a URL, ioredis options, or an ioredis `Redis` or `Cluster` of the application's own (version 5 or
   * 6; never closed by this module). `undefined`, as an unset variable of the environment gives it, is an error: leave
   * the option out for the default.
   * @default 'redis://localhost:6379'
   */
  redis?: string | RedisSettings | RedisLike;
  /**
   * A store in place of Redis, such as `memoryStore()`. Not together with `redis`, `prefix` or `commandTimeout`. It
   * stays yours: the module ends its session with it at shutdown, but never closes it.
   */
  store?: LockStore;
  /**
   * Goes before every key in Redis.
   * @default 'lock:'
   */
  prefix?: string;
  /**
   * A label in the tokens of this instance, for people who check into Redis.
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
  /**
   * How errors check to HTTP clients. One interceptor serves all modules of an application: with several, set this on
   * the unnamed one (on the first, if all have names).
   */
  http?: {
    /**
     * The status of a busy lock.
     * @default 423
     */
    busyStatus?: number;
  };
  /**
   * Turn lock errors into HTTP, RPC and WebSocket errors by one global interceptor. With several modules, set this
   * where {@link LockModuleOptions.http} is set.
   * @default true
   */
  mapErrors?: boolean;
}

/** For `forRootAsync({ useClass | useExisting })`. */
export interface LockOptionsFactory {
  createLockOptions(): LockModuleOptions | Promise<LockModuleOptions>;
}

/** What a module is called and where it is seen: known before its options are. */
export interface LockModuleExtras {
  /**
   * Tells several modules of one application apart: inject its service by `@InjectLockService(name)`, lock with it by
   * `@Locked(key, { service: name })`.
   * @default the unnamed module
   */
  name?: string;
  /**
   * Provide the service to every module of the application, not only to those that import this one.
   * @default true
   */
  isGlobal?: boolean;
}

/** What `LockModule.forRoot()` takes. */
export type LockModuleRootOptions = LockModuleOptions & LockModuleExtras;

/** What `LockModule.forRootAsync()` takes: exactly one of `useFactory`, `useClass` and `useExisting`. */
export type LockModuleAsyncOptions = ConfigurableModuleAsyncOptions<LockModuleOptions, 'createLockOptions'> &
  LockModuleExtras;
