/** The types of the key and of the options of `@Locked`. */
import type { LockBusyError } from '../errors/index.js';
import type { LockedBaseOptions } from '../interfaces/locked-options.interface.js';
import type { FromContextKey } from './from-context.js';

/**
 * The key of `@Locked`: a static string, a template, an array of these, a function of the arguments of the method, or
 * `fromContext(…)`.
 *
 * The decorator compares the parameters of the function with those of the method. So the parameters have the type
 * `never` here, by which the decorator also finds a parameter without an annotation.
 */
export type LockedKey =
  string | readonly string[] | ((...args: never) => string | readonly string[]) | FromContextKey;

/**
 * What a call does if its lock is busy: throw the LockBusyError, or skip the method and return undefined. A function is
 * called with the error and the arguments of the method, and the call returns its result.
 */
export type OnBusy = 'throw' | 'skip' | ((error: LockBusyError, ...args: never) => unknown);

/** The options of `@Locked`. */
export interface LockedOptions<B extends OnBusy = OnBusy> extends LockedBaseOptions {
  /**
   * If the lock is busy, `'throw'` throws a LockBusyError, and `'skip'` skips the method and returns undefined. A
   * function is called with the error and the arguments of the method, and its result is returned. `'skip'` and a
   * function imply `wait: 0` unless `wait` is given.
   * @default 'throw'
   */
  onBusy?: B;
}

/**
 * Options that are written as a literal. They name one kind of lock: not both `mode` and `limit`. `busyStatus` is
 * allowed only if a busy lock is an error.
 */
export type LockedLiteral<B extends OnBusy> = LockedOptions<B> &
  ({ limit?: undefined } | { mode?: undefined }) &
  ({ busyStatus?: undefined } | { onBusy?: 'throw' });

/**
 * The type of `onBusy` in options that are declared elsewhere. If that type leaves `onBusy` open, the decorator does
 * not check `onBusy` against the method.
 */
export type BusyOf<O> = O extends { onBusy?: infer B } ? Exclude<B, undefined> : OnBusy;
