/** What a gate has in the store: one ask for the callers at the front of its line, from the sending to the grant. */
import { isLockError, type LockStoreError } from '../errors/index.js';
import { Deadline } from './deadline.js';
import type { CallerLine } from './line.js';
import { lookDelay, outageDelay, pollDelay, retryDelay, turnDelay } from './pace.js';
import { outcomeOf, type Party, type ReleaseOutcome } from './party.js';
import { PendingAsk } from './pending-ask.js';
import { type Answer, type Ask, type GiveUp, type Granted, type Holder, OFFER_MS } from './store.contract.js';
import type { Subscriber, Subscription } from './subscriptions.js';
import { EXCLUSIVE, type LockKind, type Sharing, sameSharing } from './token.js';

/** What a command was sent with. */
export interface Sent {
  /** When. */
  readonly sent: Deadline;
  /** In ms. */
  readonly ttl: number;
  /** The number of the last caller that it asked for. */
  readonly upTo: number;
}

/** Whom an asker asks for. The ask is `taken` when it is told of a grant. */
export interface AskerHost {
  /** A reply granted it. */
  granted(ask: PendingAsk, answer: Granted, sent: Sent): void;
  /** The key was handed to it, for a while. */
  handed(ask: PendingAsk, fence: number, doubtful: boolean): void;
  /** Locks of another kind are there: those who were asked for, up to this one, must be refused. */
  mixed(kind: LockKind, sharing: Sharing, upTo: number): void;
  /** That the key is busy is known. */
  knownBusy(): void;
  /** An answer has come, and what follows from it is done. */
  answered(): void;
}

/**
 * States: none → sent → queued (a timer looks) or resting (a timer asks anew) → … → taken, or left; see {@link AskState}.
 *
 * Invariant: an ask is on its way, which the store's time-out bounds, or has a timer set. So no message is waited for
 * longer than the timer, whatever got lost.
 */
export class Asker implements Subscriber {
  readonly #key: string;
  readonly #party: Party;
  readonly #line: CallerLine;
  readonly #host: AskerHost;
  #ask: PendingAsk | undefined;
  /** The latest failure, while no answer came since. */
  #trouble: LockStoreError | undefined;
  /** May that be over in a moment? Then nobody is refused for it who has time to wait. */
  #passing = false;
  /** How often in a row the store was busy, or failed. */
  #attempt = 0;
  /** The place to take back, if the queue forgets us. */
  #place: number | undefined;
  #holder: Holder | undefined;
  /** Waits for grants to reach us. */
  #subscription: Subscription | undefined;

  constructor(key: string, party: Party, line: CallerLine, host: AskerHost) {
    this.#key = key;
    this.#party = party;
    this.#line = line;
    this.#host = host;
  }

  get asking(): boolean {
    return this.#ask !== undefined;
  }

  get trouble(): LockStoreError | undefined {
    return this.#trouble;
  }

  /** Why newcomers need not wait. */
  get hopeless(): LockStoreError | undefined {
    return this.#passing ? undefined : this.#trouble;
  }

  /** Who holds the key, by the latest answer. */
  get holder(): Holder | undefined {
    return this.#holder;
  }

  /** Is a command under way whose reply may be a grant? */
  get awaitsReply(): boolean {
    return this.#ask?.unansweredSince !== undefined;
  }

  /** How long the latest command has not been answered, in ms. */
  get silent(): number {
    const since = this.#ask?.unansweredSince;
    return since === undefined ? 0 : this.#party.clock.monotonic() - since;
  }

  /**
   * A lease is over, or has let its callers in: what was known of other holders is of the past.
   * @param turn was it a turn? Then the next ask begins anew, behind all others.
   */
  servedBy(turn: boolean): void {
    if (turn) this.#place = undefined;
    this.#holder = undefined;
  }

  // ---- what comes in

  /** The store hands the key to one of our tokens. */
  offered(token: string, fence: number, doubtful: boolean): void {
    const ask = this.#ask;
    if (ask === undefined || ask.token !== token || ask.state === 'resting') {
      this.#party.decline(this.#key, token);
      return;
    }
    if (fence <= ask.floor) return;
    // Should the command on its way fail, the token is dead: its answer, which must be here soon, decides.
    if (ask.unansweredSince === undefined) this.#take(ask, fence, doubtful);
    else if (ask.offer === undefined || fence > ask.offer) {
      ask.offer = fence;
      ask.doubtful = doubtful;
    }
  }

  #take(ask: PendingAsk, fence: number, doubtful: boolean): void {
    this.#end('taken');
    this.#host.handed(ask, fence, doubtful);
  }

  /** The store, or the way grants reach us, is back: messages may have been lost. */
  nudge(): void {
    const ask = this.#ask;
    if (ask?.state === 'queued') this.#look(ask);
    else if (ask?.state === 'resting') void this.send();
    // Its answer may be older than what was missed.
    else if (ask?.state === 'sent') ask.stale = true;
  }

  #onAnswer(ask: PendingAsk, answer: Answer, sent: Sent): void {
    ask.looking = false;
    ask.unansweredSince = undefined;
    this.#trouble = undefined;
    if (ask.state === 'taken') return;
    if (ask.state === 'left') {
      // Its place was given up behind it; this is for a store that may have changed their order.
      if (answer.state === 'granted' || answer.state === 'queued') this.#party.giveUp(this.#key, ask.token);
      return;
    }
    this.#goOn(ask, answer, sent);
    // Last: those who are refused then may change what is asked for.
    this.#host.answered();
  }

  #goOn(ask: PendingAsk, answer: Answer, sent: Sent): void {
    if (answer.state === 'granted') {
      this.#end('taken');
      this.#attempt = 0;
      return this.#host.granted(ask, answer, sent);
    }
    if (answer.state === 'gone') return this.#onGone(ask);
    if (answer.state === 'mixed') {
      this.#end('left');
      return this.#host.mixed(answer.kind, ask.sharing, sent.upTo);
    }
    this.#holder = answer;
    this.#host.knownBusy();
    if (answer.state === 'queued') {
      ask.state = 'queued';
      ask.offerEnds = sent.sent.plus(OFFER_MS);
      this.#place = answer.place;
      this.#attempt = 0;
      ask.floor = answer.fence;
      // Had it been made since, and stood, the answer would have been "granted".
      if (ask.offer !== undefined && ask.offer > ask.floor) return this.#take(ask, ask.offer, ask.doubtful);
      ask.offer = undefined;
      const delay = ask.stale ? 0 : lookDelay(answer);
      ask.stale = false;
      ask.rest(this.#party.clock.schedule(() => this.#look(ask), delay));
      return;
    }
    if (ask.mode === 'once' && this.#listen()) void this.send();
    else this.#rest(ask, pollDelay(answer, (this.#attempt += 1)));
  }

  /** The queue forgot us: skipped while we could not be reached, flushed, or restarted. */
  #onGone(ask: PendingAsk): void {
    if (this.#listen()) void this.send();
    else this.#rest(ask, retryDelay((this.#attempt += 1)));
  }

  #onFailure(ask: PendingAsk, error: LockStoreError): void {
    ask.looking = false;
    ask.unansweredSince = undefined;
    if (!ask.live) return;
    this.#trouble = error;
    const outage = isLockError(error, 'LOCK_STORE') ? this.#party.session.outage?.(this.#key) : undefined;
    this.#passing = outage !== undefined;
    this.#rest(ask, outage === undefined ? retryDelay((this.#attempt += 1)) : outageDelay(outage));
    if (outage === undefined) this.#line.refuseUninformed(error);
    else this.#line.refuseOverdue(() => error);
  }

  // ---- what goes out

  /** Asks for those who stand in line, giving up a former lease in the same step. */
  send(giveUp?: GiveUp): Promise<ReleaseOutcome> {
    const { session, mint } = this.#party;
    const mode: Ask['mode'] = session.queues && session.isAwake(this.#key) ? 'queue' : 'once';
    const sharing = this.#line.first?.options.sharing ?? EXCLUSIVE;
    const ask = new PendingAsk(mint.next(sharing), mode, sharing);
    this.#ask?.rest(undefined);
    this.#ask = ask;
    return this.#command(ask, mode, giveUp);
  }

  /** Gives a lease up while others stand in line: in the same step as it asks for them, where that can be. */
  sendAfter(giveUp: GiveUp): Promise<ReleaseOutcome> {
    const ask = this.#ask;
    if (ask === undefined && this.#party.session.queues) return this.send(giveUp);
    // What is given up may be its own turn: it learns so by the reply, in place of an offer to be confirmed.
    if (ask?.state === 'queued' && !ask.looking) return this.#lookNow(ask, giveUp);
    const outcome = this.#party.release(this.#key, giveUp);
    // Without a queue, to ask in the same step would be to win every time: others must have a chance in between.
    if (ask === undefined) this.#restAnew(turnDelay());
    return outcome;
  }

  /**
   * Those who are first now share the key so: an ask that asks otherwise is replaced by another one, at its place.
   */
  suit(sharing: Sharing): void {
    const ask = this.#ask;
    if (ask === undefined || ask.state === 'resting' || sameSharing(ask.sharing, sharing)) return;
    this.#end('left');
    void this.send({ token: ask.token });
  }

  /** Nobody is left to ask for. */
  leave(): void {
    const ask = this.#ask;
    if (ask === undefined) return;
    const known = ask.state === 'sent' || ask.state === 'queued';
    this.#end('left');
    if (known) this.#party.giveUp(this.#key, ask.token);
    // All of them are of the ask that has left; whoever comes while other leases of ours run must not inherit them.
    this.#trouble = undefined;
    this.#attempt = 0;
    this.servedBy(true);
  }

  #look(ask: PendingAsk): void {
    if (!ask.looking) return void this.#lookNow(ask);
    ask.rest(undefined);
    ask.stale = true;
  }

  #lookNow(ask: PendingAsk, giveUp?: GiveUp): Promise<ReleaseOutcome> {
    ask.rest(undefined);
    ask.looking = true;
    return this.#command(ask, 'look', giveUp);
  }

  #command(ask: PendingAsk, mode: Ask['mode'], giveUp?: GiveUp): Promise<ReleaseOutcome> {
    const { ttl, callers, upTo } = this.#line.batch();
    const sent = Deadline.in(this.#party.clock, 0);
    ask.offerEnds ??= sent.plus(OFFER_MS);
    ask.upTo ??= upTo;
    ask.unansweredSince = this.#party.clock.monotonic();
    const place = mode === 'queue' ? this.#place : undefined;
    const request = {
      key: this.#key,
      giveUp,
      ask: { token: ask.token, ttl, sections: callers, mode, place },
    };
    return this.#party.turn<ReleaseOutcome>(
      request,
      ({ released, answer }) => {
        if (answer !== undefined) this.#onAnswer(ask, answer, { sent, ttl, upTo });
        return outcomeOf(released);
      },
      (error: LockStoreError) => {
        this.#onFailure(ask, error);
        return 'unknown';
      },
    );
  }

  /** The ask's token is dead: another one follows after `delay`. */
  #rest(ask: PendingAsk, delay: number): void {
    ask.state = 'resting';
    ask.rest(this.#party.clock.schedule(() => void this.send(), delay));
  }

  #restAnew(delay: number): void {
    this.#ask = new PendingAsk(this.#party.mint.next(), 'once', EXCLUSIVE);
    this.#rest(this.#ask, delay);
  }

  /** Can the store's queue reach us? If it could and does not yet, sees to it. */
  #listen(): boolean {
    const { session } = this.#party;
    if (!session.queues) return false;
    if (session.isAwake(this.#key)) return true;
    this.#subscription?.leave();
    this.#subscription = this.#party.subscriptions.await(this.#key, this);
    return false;
  }

  subscribed(): void {
    // An ask that has been sent meanwhile, on the store's word that it is awake, has missed nothing.
    if (this.#ask?.state === 'resting') void this.send();
  }

  unsubscribable(error: LockStoreError): void {
    this.#line.refuseAll(error);
  }

  #end(state: 'taken' | 'left'): void {
    this.#subscription?.leave();
    this.#subscription = undefined;
    this.#ask?.end(state);
    this.#ask = undefined;
  }
}
