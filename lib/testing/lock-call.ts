/** A call that a service of a test has recorded. */
import type { UsingOptions } from '../core/options/acquire.options.js';

/** One call of the service, as a test checks at it. `@Locked` calls `using`. */
export interface LockCall {
  readonly method: 'acquire' | 'tryAcquire' | 'using';
  /** As given. */
  readonly keys: readonly string[];
  /** As given. */
  readonly options: UsingOptions | undefined;
  /** `waiting` until it is known; `failed` for every error but a busy lock. */
  readonly outcome: 'waiting' | 'held' | 'busy' | 'failed';
  /** Why it did not get the lock. */
  readonly error: unknown;
}
