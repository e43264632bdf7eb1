/** The types that users of `@Locked` write: its key and its options. */
import type { LockBusyError } from '../errors/index.js';
import type { LockedBaseOptions } from '../interfaces/locked-options.interface.js';
import type { FromContextKey } from './from-context.js';

/**
 * A static string or template, several of them, a function of the method's arguments, or `fromContext(…)`.
 *
 * Parameters are checked against the method's, not here: hence `never`, which also shows what was not annotated.
 */
export type LockedKey =
  string | readonly string[] | ((...args: never) => string | readonly string[]) | FromContextKey;

/**
 * What a call does when its lock is busy: throw the LockBusyError, skip the method and return undefined, or return
 * what a function makes of the error and the method's arguments.
 */
export type OnBusy = 'throw' | 'skip' | ((error: LockBusyError, ...args: never) => unknown);

/** The options of `@Locked`. */
export interface LockedOptions<B extends OnBusy = OnBusy> extends LockedBaseOptions {
  /**
   * When the lock is busy: `'throw'` a LockBusyError, `'skip'` the method (undefined is returned), or a function
   * whose result is returned. The last two imply `wait: 0` unless `wait` is given.
   * @default 'throw'
   */
  onBusy?: B;
}

/** Options as a literal gives them: of one kind of lock, and with a status for a busy one only where that is an error. */
export type LockedLiteral<B extends OnBusy> = LockedOptions<B> &
  ({ limit?: undefined } | { mode?: undefined }) &
  ({ busyStatus?: undefined } | { onBusy?: 'throw' });

/** The `onBusy` of options that are declared elsewhere, whose type leaves open what of them is there. */
export type BusyOf<O> = O extends { onBusy?: infer B } ? Exclude<B, undefined> : OnBusy;
