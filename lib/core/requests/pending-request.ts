/** The one request that a coordinator has in the store. */
import type { Timer } from '../time/clock.js';
import type { Deadline } from '../time/deadline.js';
import type { AcquireRequest } from '../contracts/store.contract.js';
import type { LockAccess } from '../contracts/token.js';

/**
 * - `sent`: a command with it is on its way and it was not answered yet.
 * - `queued`: it stands in the store's queue.
 * - `resting`: the store does not know it, or must not; a timer requests again, with a new token.
 * - `taken`: it became a lease. `left`: nobody wants it any more. Both are final.
 */
export type RequestState = 'sent' | 'queued' | 'backoff' | 'taken' | 'left';

export class PendingRequest {
  state: RequestState = 'sent';
  /** Should it check again as soon as it is answered? */
  recheck = false;
  /** Since when its latest command has not been answered, on the monotonic clock. */
  unansweredSince: number | undefined;
  /** The fence of an offer that came before the answer to a command with its token. */
  offer: number | undefined;
  /** May somebody else have made it? */
  doubtful = false;
  /** Is a check on its way? */
  checking = false;
  /**
   * No offer made for it ends earlier than this: a grant cannot precede the latest command that was answered "queued"
   * (or the first one), so an offer lasts at least its length from when that was sent.
   */
  offerEnds!: Deadline;
  /**
   * The counter's latest fence at the latest answer. An offer that is not above it is an old one, whose message was late:
   * it has ended, and the same token was queued again by a command that the connection sent twice.
   */
  floor = 0;
  /** The number of the last caller who waited in the queue when it was sent first: fences drawn for it are for these. */
  upTo: number | undefined;
  #timer: Timer | undefined;

  constructor(
    readonly token: string,
    readonly mode: AcquireRequest['mode'],
    /** How those it requests share the key. */
    readonly access: LockAccess,
  ) {}

  get live(): boolean {
    return this.state !== 'taken' && this.state !== 'left';
  }

  /** Sets the timer of its next command in place of the one before. */
  setTimer(timer: Timer | undefined): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }

  end(state: 'taken' | 'left'): void {
    this.setTimer(undefined);
    this.state = state;
  }
}
