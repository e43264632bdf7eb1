/** What a caller holds: one key, or several keys that were taken together. */
import type { Duration } from '../time/duration.js';

/**
 * A held lock. It ends by `release()`, by `await using`, or by being lost.
 *
 * A lease is a promise about time. A process that is paused past the end of its lease wakes up without the lock. If the
 * protected resource must never be corrupted, let it compare {@link Lock.fence}.
 */
export interface Lock extends AsyncDisposable {
  /** The keys, sorted, each once. */
  readonly keys: readonly string[];
  /**
   * The holder's token as it stands in the store. With several keys, the tokens are joined by a space. The property is
   * not enumerable, because a token is a secret.
   */
  readonly token: string;
  /**
   * The fencing token, a safe integer. It is strictly greater than the fence of every earlier holder of any of the keys.
   *
   * A semaphore has several holders at once. The fence of a permit is greater than the fences of all permits that were
   * taken before this call requested its own. It gives the permits an order, but a resource cannot refuse writes by it.
   * @throws LockStoreError when the keys lie in several slots of a Cluster. Fences of different slots cannot be compared:
   * use {@link fences}.
   * @throws LockReentryError when some of the keys were joined, and their fences differ from those of the keys that were
   * taken here. Use {@link fences}.
   */
  readonly fence: number;
  /** The fencing token of each key. */
  readonly fences: ReadonlyMap<string, number>;
  /**
   * Whether the lock is held now. Computed from the clocks when it is read, without a command to the store. After a long
   * computation it may be `false` for a moment, and `true` again once the reply to a renewal was read.
   */
  readonly held: boolean;
  /** How long the lease still runs, in milliseconds. 0 once the lock is lost or released. */
  readonly remaining: number;
  /** When the lease would end, on this machine's wall clock. For display and logs: do not base a decision on it. */
  readonly expiresAt: Date;
  /**
   * Aborts when the lock is lost, with a LockLostError as its reason. A release does not abort it. A lock that joined an
   * outer call's hold (`reentry: 'join'`, `within`) is lost when the outer call releases that hold.
   *
   * Under `abortOn: 'disconnect'` of `@Locked` it also aborts when the client disconnects, with a LockAbortedError. The
   * lock is still held then.
   */
  readonly signal: AbortSignal;
  /**
   * Throws unless the lock is held by the clocks. It cannot wait for replies. After a long computation, use `extend()`,
   * which can.
   * @throws LockLostError when the lock was lost. The reason is `'unconfirmed'` while that is not known yet, because the
   * reply to a renewal was not read. An `'unconfirmed'` error does not end the lock.
   * @throws LockNotHeldError after the release of the lock.
   */
  assertHeld(): void;
  /**
   * Makes the remaining time at least `ttl` (default: the lock's own ttl). It never shortens the remaining time.
   * @throws LockLostError when this lock does not hold the key in the store any more.
   * @throws LockStoreError when the store failed or did not answer.
   */
  extend(ttl?: Duration): Promise<void>;
  /**
   * Releases the lock. Idempotent; never rejects.
   * @returns whether the lock was still held. `false` only if another caller may have held the key. If the store's reply
   * is lost or does not come, the clocks decide: `true` if the lease had not ended.
   */
  release(): Promise<boolean>;
}
