/** The one ask that a gate has in the store. */
import type { Timer } from './clock.js';
import type { Deadline } from './deadline.js';
import type { Ask } from './store.contract.js';
import type { Sharing } from './token.js';

/**
 * - `sent`: a command with it is on its way and it was not answered yet.
 * - `queued`: it stands in the store's queue.
 * - `resting`: the store does not know it, or must not; a timer asks again, with a new token.
 * - `taken`: it became a lease. `left`: nobody wants it any more. Both are final.
 */
export type AskState = 'sent' | 'queued' | 'resting' | 'taken' | 'left';

export class PendingAsk {
  state: AskState = 'sent';
  /** Should it look again as soon as it is answered? */
  stale = false;
  /** Since when its latest command has not been answered, on the monotonic clock. */
  unansweredSince: number | undefined;
  /** The fence of an offer that came before the answer to a command with its token. */
  offer: number | undefined;
  /** May somebody else have made it? */
  doubtful = false;
  /** Is a look on its way? */
  looking = false;
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
  /** The number of the last caller who stood in line when it was sent first: fences drawn for it are for these. */
  upTo: number | undefined;
  #timer: Timer | undefined;

  constructor(
    readonly token: string,
    readonly mode: Ask['mode'],
    /** How those it asks for share the key. */
    readonly sharing: Sharing,
  ) {}

  get live(): boolean {
    return this.state !== 'taken' && this.state !== 'left';
  }

  /** Sets the timer of its next command in place of the one before. */
  rest(timer: Timer | undefined): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }

  end(state: 'taken' | 'left'): void {
    this.rest(undefined);
    this.state = state;
  }
}
