/** Checks the module's options, and fills in the defaults. */
import type { LockLog } from '../interfaces/lock-log-line.interface.js';
import { checkInspectionMode } from '../core/inspector/inspect-options.js';
import type { InspectionMode } from '../core/inspector/listening.js';
import { hostname } from 'node:os';
import {
  badOption,
  checkBoolean,
  checkDuration,
  checkNames,
  checkObject,
  unknownOption,
} from '../core/options/option-checks.js';
import { type LockPolicy, resolvePolicy } from '../core/options/resolve-options.js';
import type { LockStore } from '../core/contracts/store.contract.js';
import { LockOptionsError } from '../errors/index.js';
import { isBusyStatus } from '../error-mapping/busy-status.js';
import { innerOption, misplacedExtra, notOptions, unsetRedis } from './module-option-errors.js';
import type {
  LockModuleAsyncOptions,
  LockModuleExtras,
  LockModuleOptions,
} from '../interfaces/lock-module-options.interface.js';
import {
  DEFAULT_BUSY_STATUS,
  DEFAULT_COMMAND_TIMEOUT,
  DEFAULT_LONG_HOLD,
  DEFAULT_PREFIX,
  DEFAULT_REDIS_URL,
} from '../lock.constants.js';
import { type RedisTarget, checkRedis } from '../stores/redis/opening/redis-option.js';

/** The place of the locks. */
export type StoreTarget =
  | { readonly kind: 'store'; readonly store: LockStore }
  | {
      readonly kind: 'redis';
      readonly redis: RedisTarget;
      readonly prefix: string;
      /** In ms. */
      readonly commandTimeout: number;
    };

export interface ResolvedModuleOptions {
  readonly target: StoreTarget;
  readonly owner: string;
  readonly policy: LockPolicy;
  /** `Infinity` if there is no limit. */
  readonly maxWaiters: number;
  /** In ms. */
  readonly longHold: number;
  readonly inspection: InspectionMode;
  readonly log: LockLog;
  readonly busyStatus: number;
  readonly mapErrors: boolean;
  /** The options of the application's one error interceptor that this module sets explicitly. */
  readonly mappingGiven: readonly string[];
}

const OPTIONS: ReadonlySet<string> = new Set<keyof LockModuleOptions>([
  'redis',
  'store',
  'prefix',
  'owner',
  'commandTimeout',
  'defaults',
  'maxWaiters',
  'longHold',
  'inspection',
  'log',
  'http',
  'mapErrors',
]);
const EXTRAS: ReadonlySet<string> = new Set<keyof LockModuleExtras>(['name', 'isGlobal']);
const HTTP = new Set(['busyStatus']);
/** The options that stand inside of another one. */
const INNER: Readonly<Record<string, string>> = {
  ttl: 'defaults',
  wait: 'defaults',
  renew: 'defaults',
  maxHold: 'defaults',
  onLost: 'defaults',
  busyStatus: 'http',
};
const ASYNC = ['imports', 'inject', 'useFactory', 'useClass', 'useExisting', 'provideInjectionTokensFrom'];
const OWNER_LENGTH = 128;

/** @throws LockOptionsError */
export function resolveModuleOptions(options: LockModuleOptions, name?: string): ResolvedModuleOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw notOptions(options);
  for (const name in options) {
    if (OPTIONS.has(name)) continue;
    const value = options[name as keyof LockModuleOptions];
    if (EXTRAS.has(name)) throw misplacedExtra(name, value);
    if (Object.hasOwn(INNER, name)) throw innerOption(name, INNER[name]);
    throw unknownOption('', name, [...OPTIONS, ...EXTRAS]);
  }
  const {
    owner,
    defaults,
    maxWaiters,
    longHold,
    inspection = 'auto',
    log = 'text',
    http,
    mapErrors,
  } = options;
  if (http !== undefined) {
    checkObject('http', http);
    checkNames('http', http, HTTP);
  }
  return Object.freeze({
    target: resolveTarget(options),
    owner: owner === undefined ? `${hostname()}:${process.pid}` : checkOwner(owner),
    policy: resolvePolicy(defaults, 'defaults', name),
    maxWaiters: maxWaiters === undefined ? Infinity : checkMaxWaiters(maxWaiters),
    inspection: checkInspectionMode(inspection),
    log: checkLog(log),
    longHold: longHold === undefined ? DEFAULT_LONG_HOLD : checkDuration('longHold', longHold, 1),
    busyStatus: http?.busyStatus === undefined ? DEFAULT_BUSY_STATUS : checkStatus(http.busyStatus),
    mapErrors: mapErrors === undefined ? true : checkBoolean('mapErrors', mapErrors),
    mappingGiven: [
      ...(http?.busyStatus === undefined ? [] : ['http.busyStatus']),
      ...(mapErrors === undefined ? [] : ['mapErrors']),
    ],
  });
}

/** @throws LockOptionsError */
export function checkExtras({ name, isGlobal }: LockModuleExtras): void {
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw badOption('name', name, 'a non-empty string, or left out for the unnamed module');
  }
  if (isGlobal !== undefined) checkBoolean('isGlobal', isGlobal);
}

/** Checks the part of `forRootAsync` that is known before the factory runs. @throws LockOptionsError */
export function checkAsyncOptions(options: LockModuleAsyncOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw badOption('forRootAsync', options, 'an object with one of useFactory, useClass and useExisting');
  }
  const known = [...ASYNC, ...EXTRAS];
  for (const name in options) {
    if (known.includes(name)) continue;
    const value = options[name as keyof LockModuleAsyncOptions];
    if (!OPTIONS.has(name)) throw unknownOption('', name, known);
    throw new LockOptionsError(
      name,
      value,
      `The lock option "${name}" is given beside the factory of LockModule.forRootAsync(). Return it from the factory, or use LockModule.forRoot().`,
    );
  }
  checkExtras(options);
  const given = (['useFactory', 'useClass', 'useExisting'] as const).filter(
    (way) => options[way] !== undefined,
  );
  if (given.length !== 1) {
    throw new LockOptionsError(
      'forRootAsync',
      given,
      `LockModule.forRootAsync() takes exactly one of useFactory, useClass and useExisting; it got ${given.join(' and ') || 'none'}.`,
    );
  }
  if (options.useFactory !== undefined && typeof options.useFactory !== 'function') {
    throw badOption(
      'useFactory',
      options.useFactory,
      'a function that returns the options, or a promise of them',
    );
  }
}

function resolveTarget(options: LockModuleOptions): StoreTarget {
  const { redis, store, prefix, commandTimeout } = options;
  if (store !== undefined) {
    for (const name of ['redis', 'prefix', 'commandTimeout'] as const) {
      if (options[name] === undefined) continue;
      throw new LockOptionsError(
        name,
        options[name],
        `The lock option "${name}" is for Redis, and "store" takes the place of Redis: give only one of the two.`,
      );
    }
    return { kind: 'store', store: checkStore(store) };
  }
  if (redis === undefined && 'redis' in options) throw unsetRedis();
  if (prefix !== undefined && typeof prefix !== 'string') throw badOption('prefix', prefix, 'a string');
  return {
    kind: 'redis',
    redis: checkRedis('redis', redis === undefined ? DEFAULT_REDIS_URL : redis),
    prefix: prefix ?? DEFAULT_PREFIX,
    commandTimeout:
      commandTimeout === undefined
        ? DEFAULT_COMMAND_TIMEOUT
        : checkDuration('commandTimeout', commandTimeout, 1),
  };
}

function checkStore(value: unknown): LockStore {
  if (typeof value === 'function') {
    const call = value.name === '' ? 'the function' : `${value.name}()`;
    throw badOption('store', value, `a LockStore, such as memoryStore(): call ${call}, do not pass it`);
  }
  const store = value as Partial<LockStore> | null;
  if (typeof store === 'object' && typeof store?.open === 'function' && typeof store.close === 'function') {
    return store as LockStore;
  }
  throw badOption('store', value, 'a LockStore, such as memoryStore(); a client of Redis goes to "redis"');
}

function checkOwner(value: unknown): string {
  // eslint-disable-next-line no-control-regex -- a label is printed in logs and errors
  if (typeof value === 'string' && value.length <= OWNER_LENGTH && /^[^\x00-\x1f\x7f]+$/.test(value))
    return value;
  throw badOption('owner', value, `a label of 1 to ${OWNER_LENGTH} printable characters`);
}

function checkMaxWaiters(value: unknown): number {
  if (typeof value === 'number' && value >= 1 && (Number.isInteger(value) || value === Infinity))
    return value;
  throw badOption('maxWaiters', value, 'a whole number of at least 1, or left out for no limit');
}

function checkStatus(value: unknown): number {
  if (isBusyStatus(value)) return value;
  throw badOption('http.busyStatus', value, 'an HTTP status from 400 to 599, such as 423, 409 or 503');
}

function checkLog(value: unknown): LockLog {
  if (value === 'text' || typeof value === 'function') return value as LockLog;
  throw badOption('log', value, "'text', or a function that gets each log line");
}
