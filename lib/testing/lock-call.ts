/** A call that the LockService of a test has recorded. */
import type { UsingOptions } from '../core/options/acquire.options.js';

/** One call of the service, for assertions in tests. `@Locked` calls `using`. */
export interface LockCall {
  readonly method: 'acquire' | 'tryAcquire' | 'using';
  /** The keys as they were given. */
  readonly keys: readonly string[];
  /** The options as they were given. */
  readonly options: UsingOptions | undefined;
  /** `waiting` until the outcome is known, and `failed` for every error except a busy lock. */
  readonly outcome: 'waiting' | 'held' | 'busy' | 'failed';
  /** The error, if the call did not get the lock. */
  readonly error: unknown;
}
