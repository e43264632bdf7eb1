import type { LockLog } from './lock-log-line.interface.js';
import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { LockDefaults } from '../core/options/acquire.options.js';
import type { Duration } from '../core/time/duration.js';
import type { LockStore } from '../core/contracts/store.contract.js';
import type { RedisLike, RedisSettings } from '../stores/redis/client/redis-client.interface.js';

/** The options of `LockModule.forRoot()`. */
export interface LockModuleOptions {
  /**
   * The Redis that has the locks: a URL, ioredis options, or an ioredis client (`Redis` or `Cluster`, version 5 or 6).
   * The module never closes a client that it was given. The value `undefined` is an error, because it often comes from
   * an unset environment variable. For the default, leave the option out.
   * @default 'redis://localhost:6379'
   */
  redis?: string | RedisSettings | RedisLike;
  /**
   * A store in place of Redis, such as `memoryStore()`. It cannot be given together with `redis`, `prefix` or
   * `commandTimeout`. At shutdown the module closes its session, but never the store.
   */
  store?: LockStore;
  /**
   * The prefix of every key in Redis.
   * @default 'lock:'
   */
  prefix?: string;
  /**
   * A label in the tokens of this process, for people that read the keys in Redis.
   * @default the host's name and the process id
   */
  owner?: string;
  /**
   * The longest wait for a reply of Redis to one command.
   * @default '2s'
   */
  commandTimeout?: Duration;
  /** The options of an acquisition that does not set them itself. */
  defaults?: LockDefaults;
  /**
   * How many callers of this process may wait for one key. The next caller gets a LockQueueFullError.
   * @default no limit
   */
  maxWaiters?: number;
  /**
   * Log a hold once when it has lasted this long.
   * @default '60s'
   */
  longHold?: Duration;
  /**
   * When this process begins to answer questions about its locks (`inspect`, `overview`). `'auto'`: once a caller has
   * waited, or a lock has been held for a second. `'always'`: from the start. `'off'`: only after it has inspected locks
   * itself. To hear questions, a process has a second connection to Redis, the one on which it hears of hand-offs.
   * @default 'auto'
   */
  inspection?: 'auto' | 'always' | 'off';
  /**
   * Where the module logs: as text to Nest's logger, or as log lines with their facts to a function, for a structured log.
   * @default 'text'
   */
  log?: LockLog;
  /**
   * How lock errors are shown to HTTP clients. One interceptor serves all modules of an application. With several
   * modules, set this option on the unnamed module, or on the first one if all have names.
   */
  http?: {
    /**
     * The HTTP status for a busy lock.
     * @default 423
     */
    busyStatus?: number;
  };
  /**
   * Whether one global interceptor converts lock errors to HTTP, RPC and WebSocket errors. With several modules, set
   * this option on the module on which {@link LockModuleOptions.http} is set.
   * @default true
   */
  mapErrors?: boolean;
}

/** For `forRootAsync({ useClass | useExisting })`. */
export interface LockOptionsFactory {
  createLockOptions(): LockModuleOptions | Promise<LockModuleOptions>;
}

/** The name of a module, and whether it is global. Both are known before the options are. */
export interface LockModuleExtras {
  /**
   * The name that distinguishes several modules of one application. Inject the service by `@InjectLockService(name)`,
   * or lock with it by `@Locked(key, { service: name })`.
   * @default the unnamed module
   */
  name?: string;
  /**
   * Whether the service is available in every module of the application, and not only in modules that import this one.
   * @default true
   */
  isGlobal?: boolean;
}

/** The argument of `LockModule.forRoot()`. */
export type LockModuleRootOptions = LockModuleOptions & LockModuleExtras;

/** The argument of `LockModule.forRootAsync()`, with exactly one of `useFactory`, `useClass` and `useExisting`. */
export type LockModuleAsyncOptions = ConfigurableModuleAsyncOptions<LockModuleOptions, 'createLockOptions'> &
  LockModuleExtras;
