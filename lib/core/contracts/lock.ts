/** What a caller holds: the public face of one or several keys taken together. */
import type { Duration } from '../time/duration.js';

/**
 * A held lock. Ends by `release()`, by `await using`, or by being lost.
 *
 * A lease is a promise about time: a process that is paused past it wakes up without the lock. Compare
 * {@link Lock.fence} where the protected resource must never be corrupted.
 */
export interface Lock extends AsyncDisposable {
  /** The keys, sorted, each once. */
  readonly keys: readonly string[];
  /** The owner's token as it stands in the store (several keys: joined by a space). Not enumerable: it is a secret. */
  readonly token: string;
  /**
   * The fencing token: strictly greater than that of every earlier holder of any of the keys. A safe integer. Of a
   * semaphore, whose holders are several at once, it is greater than those of all who had entered when this call requested:
   * it orders them, and is none to refuse writes by.
   * @throws LockStoreError when the keys lie in several slots of a Cluster, which count apart: use {@link fences}.
   * @throws LockReentryError when some keys were joined, and have other fences than those taken here: likewise.
   */
  readonly fence: number;
  /** The fencing token of each key. */
  readonly fences: ReadonlyMap<string, number>;
  /**
   * Is it held now? Computed from the clocks when read, without requesting the store. After a long computation it may be
   * `false` for a moment, and `true` again once the reply to a renewal was read.
   */
  readonly held: boolean;
  /** How long the lease still runs, in milliseconds; 0 once it is lost or released. */
  readonly remaining: number;
  /** When the lease would end on this machine's wall clock. To check, not to decide by. */
  readonly expiresAt: Date;
  /**
   * Aborts, with a LockLostError as its reason, when the lock is lost. Not on release; but one that joined an outer call's
   * hold (`reentry: 'join'`, `within`) is lost when that one is given back.
   *
   * Under `abortOn: 'disconnect'` of `@Locked` it also aborts when the client leaves, with a LockAbortedError: the lock is
   * still held then.
   */
  readonly signal: AbortSignal;
  /**
   * Throws unless it is held by the clocks. It cannot wait for replies: after a long computation use `extend()`, which can.
   * @throws LockLostError when it was lost; with the reason `'unconfirmed'` while that is not known yet: the reply to a
   * renewal was not read. The lock is not ended by that error.
   * @throws LockNotHeldError after its release.
   */
  assertHeld(): void;
  /**
   * Makes the remaining time at least `ttl` (default: the lock's own ttl); never shortens it.
   * @throws LockLostError when the store no longer holds it for us.
   * @throws LockStoreError when the store failed or did not answer.
   */
  extend(ttl?: Duration): Promise<void>;
  /**
   * Gives the lock back. Idempotent; never rejects.
   * @returns whether it was still ours: `false` only where somebody else may have had it. Where the store's answer is lost
   * or does not come, that is told by the lease, which had not ended.
   */
  release(): Promise<boolean>;
}
