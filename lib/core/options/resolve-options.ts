/** Resolves the options of one acquisition: each option is checked, and all times are in milliseconds. */
import { LockOptionsError } from '../../errors/index.js';
import type {
  AcquireOptions,
  LockDefaults,
  Reentry,
  ResolvedAcquire,
  ResolvedUsing,
  UsingOptions,
} from './acquire.options.js';
import type { Lock } from '../contracts/lock.js';
import { ORIGIN, type OptionsWithOrigin } from './origin.js';
import { EXCLUSIVE, SHARED, type LockAccess } from '../contracts/token.js';
import {
  badOption,
  checkBoolean,
  checkDuration,
  checkNames,
  checkObject,
  join,
  show,
} from './option-checks.js';

export const DEFAULT_TTL = 30_000;
export const DEFAULT_WAIT = 10_000;

/** The shortest ttl. A third of a shorter one leaves no time for a renewal. */
export const LEAST_TTL = 50;

/**
 * The resolved defaults of a module. They are a complete set of options: an acquisition without options of its own uses
 * this object unchanged.
 */
export interface LockPolicy extends ResolvedUsing {
  readonly minHold: 0;
  readonly reentry: 'throw';
  readonly within: undefined;
  readonly signal: undefined;
  readonly access: typeof EXCLUSIVE;
}

const DEFAULTS = new Set(['ttl', 'wait', 'renew', 'maxHold', 'onLost']);
const KIND = ['mode', 'limit'];
const NESTING = ['reentry', 'within'];
const ACQUIRE = new Set(['ttl', 'wait', 'renew', 'maxHold', 'minHold', ...NESTING, 'signal', ...KIND]);
/** The names of the options of `using`. Code that takes more options adds its own names to them. */
export const USING = new Set([...ACQUIRE, 'onLost']);

/**
 * @param path the path of the defaults, for messages.
 * @param module the name of the module, if it has one.
 * @throws LockOptionsError for an invalid option.
 */
export function resolvePolicy(defaults?: LockDefaults, path = 'defaults', module?: string): LockPolicy {
  if (defaults !== undefined) {
    checkObject(path, defaults);
    for (const name in defaults) if (ACQUIRE.has(name) && !DEFAULTS.has(name)) throw notADefault(path, name);
    checkNames(path, defaults, DEFAULTS);
  }
  const { ttl, wait, renew, maxHold, onLost } = defaults ?? {};
  const policy: LockPolicy = {
    ttl: ttl === undefined ? DEFAULT_TTL : checkDuration(join(path, 'ttl'), ttl, LEAST_TTL),
    wait: wait === undefined ? DEFAULT_WAIT : checkDuration(join(path, 'wait'), wait, 0),
    renew: renew === undefined ? true : checkBoolean(join(path, 'renew'), renew),
    maxHold: maxHold === undefined ? Infinity : checkDuration(join(path, 'maxHold'), maxHold, 1),
    minHold: 0,
    reentry: 'throw',
    within: undefined,
    signal: undefined,
    access: EXCLUSIVE,
    origin: undefined,
    module,
    onLost: onLost === undefined ? 'throw' : checkOnLost(join(path, 'onLost'), onLost),
  };
  return Object.freeze(policy);
}

/** @throws LockOptionsError for an invalid option. */
export function resolveAcquire(options: AcquireOptions | undefined, policy: LockPolicy): ResolvedAcquire {
  if (options === undefined) return policy;
  return resolve(options, policy, ACQUIRE);
}

/** The options of a call that never waits. @throws LockOptionsError for an invalid option. */
export function resolveTry(options: AcquireOptions | undefined, policy: LockPolicy): ResolvedAcquire {
  for (const name of ['wait', 'signal'] as const) {
    if (options?.[name] === undefined) continue;
    const problem = `The lock option "${name}" is not for tryAcquire(), which never waits. Leave it out, or call acquire().`;
    throw new LockOptionsError(name, options[name], problem);
  }
  return resolve({ ...options, wait: 0 }, policy, ACQUIRE);
}

/** @throws LockOptionsError for an invalid option. */
export function resolveUsing(options: UsingOptions | undefined, policy: LockPolicy): ResolvedUsing {
  if (options === undefined) return policy;
  return resolve(options, policy, USING);
}

function resolve(options: UsingOptions, policy: LockPolicy, known: ReadonlySet<string>): ResolvedUsing {
  checkObject('options', options);
  if (known === ACQUIRE && 'onLost' in options) throw onLostOfAcquire(options.onLost);
  refuseReentrant(options);
  checkNames('', options, known);
  const { ttl, wait, renew, maxHold, minHold, reentry, within, signal, mode, limit, onLost } = options;
  return {
    ttl: ttl === undefined ? policy.ttl : checkDuration('ttl', ttl, LEAST_TTL),
    wait: wait === undefined ? policy.wait : checkDuration('wait', wait, 0),
    renew: renew === undefined ? policy.renew : checkBoolean('renew', renew),
    maxHold: maxHold === undefined ? policy.maxHold : checkDuration('maxHold', maxHold, 1),
    minHold: minHold === undefined ? 0 : checkDuration('minHold', minHold, 0),
    reentry: reentry === undefined ? 'throw' : checkReentry(reentry),
    within: within === undefined ? undefined : checkWithin(within),
    signal: signal === undefined ? undefined : checkSignal(signal),
    access: mode === undefined && limit === undefined ? EXCLUSIVE : checkAccess(mode, limit),
    origin: (options as OptionsWithOrigin)[ORIGIN],
    module: policy.module,
    onLost: onLost === undefined ? policy.onLost : checkOnLost('onLost', onLost),
  };
}

function checkAccess(mode: unknown, limit: unknown): LockAccess {
  if (mode !== undefined && limit !== undefined) {
    throw new LockOptionsError(
      'limit',
      limit,
      `The lock options "mode" (${show(mode)}) and "limit" (${show(limit)}) exclude each other: "limit" makes the key a ` +
        'semaphore, "mode" an exclusive or a shared lock. Leave one of them out.',
    );
  }
  if (limit !== undefined) {
    if (Number.isSafeInteger(limit) && (limit as number) >= 1)
      return { kind: 'semaphore', limit: limit as number };
    throw badOption('limit', limit, 'a whole number from 1: how many may hold the key at a time');
  }
  if (mode === 'exclusive') return EXCLUSIVE;
  if (mode === 'shared') return SHARED;
  throw badOption('mode', mode, `'exclusive' or 'shared'; a semaphore has a "limit" instead`);
}

/**
 * @throws LockOptionsError for "reentrant", the name of the option in other libraries and in an early version of this
 * one.
 */
export function refuseReentrant(options: object): void {
  if (!('reentrant' in options)) return;
  throw new LockOptionsError(
    'reentrant',
    options.reentrant,
    `There is no lock option "reentrant". Did you mean "reentry"? Give reentry: 'join' to join a hold that the call runs ` +
      `under already, 'wait' to wait like any other caller, or 'throw' (the default) for a LockReentryError.`,
  );
}

function notADefault(path: string, name: string): LockOptionsError {
  return new LockOptionsError(
    join(path, name),
    undefined,
    `The lock option "${name}" cannot be a default of the module. Give it to the calls that need it.`,
  );
}

function checkReentry(value: unknown): Reentry {
  if (value === 'throw' || value === 'join' || value === 'wait') return value;
  throw badOption('reentry', value, `'throw', 'join' or 'wait'`);
}

/** Checks the structure alone. The service checks whether the lock is one of its own. */
function checkWithin(value: unknown): Lock {
  const { keys, release } = (value ?? {}) as Partial<Lock>;
  if (Array.isArray(keys) && typeof release === 'function') return value as Lock;
  throw badOption('within', value, 'a held lock, as acquire() returns it and using() gives it to the work');
}

function checkOnLost(path: string, value: unknown): 'throw' | 'warn' {
  if (value === 'throw' || value === 'warn') return value;
  throw badOption(path, value, `'throw' or 'warn'`);
}

function onLostOfAcquire(value: unknown): LockOptionsError {
  return new LockOptionsError(
    'onLost',
    value,
    'The lock option "onLost" is for using() and @Locked. After acquire(), watch the lock\'s "signal" or call its assertHeld().',
  );
}

/** Checks the structure alone: a signal of a polyfill or of another realm is valid. */
function checkSignal(value: unknown): AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  if (
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function'
  ) {
    return signal as AbortSignal;
  }
  throw badOption(
    'signal',
    value,
    'an AbortSignal, such as AbortSignal.timeout(5000) or the signal of an AbortController',
  );
}
