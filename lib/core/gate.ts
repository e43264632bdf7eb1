/** One key's waiting callers in this process: however many they are, the store sees one ask. */
import { LockBusyError, LockQueueFullError, LockStoreError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import { Deadline } from './deadline.js';
import { observed } from './diagnostics.js';
import { FenceSupply } from './fence-supply.js';
import { Lease } from './lease.js';
import { CallerLine, type LineOwner } from './line.js';
import { lookDelay, pollDelay, retryDelay, turnDelay } from './pace.js';
import { outcomeOf, type Party, type ReleaseOutcome } from './party.js';
import { PendingAsk } from './pending-ask.js';
import type { Section } from './section.js';
import { type Answer, type Ask, type GiveUp, type Holder, OFFER_MS } from './store.contract.js';
import { type Landlord, Tenure } from './tenure.js';
import { ownerOf } from './token.js';
import type { Waiter } from './waiter.js';

/** The first answer of the store is given at least this long, in ms, even where `wait` is shorter. */
const REPLY_GRACE = 250;

export interface GateSettings {
  readonly key: string;
  readonly party: Party;
  readonly maxWaiters: number;
  /** Nobody waits and nothing is held: the gate can be forgotten. */
  readonly onIdle: (gate: Gate) => void;
}

/** What a command was sent with. */
interface Sent {
  /** When. */
  readonly sent: Deadline;
  /** In ms. */
  readonly ttl: number;
  /** The number of the last caller that it asked for. */
  readonly upTo: number;
}

/**
 * States: idle → asking (`#ask`) → serving (`#tenure`) → asking again for those who came meanwhile, or idle.
 *
 * Invariant: while somebody stands in line, there is a tenure, or an ask that is on its way (bounded by the store's
 * time-out) or has a timer set. So nobody waits for a message alone, and no lost message is waited for longer than the
 * timer.
 */
export class Gate implements LineOwner, Landlord {
  readonly key: string;
  readonly #party: Party;
  readonly #onIdle: (gate: Gate) => void;
  readonly #line: CallerLine;
  #ask: PendingAsk | undefined;
  #tenure: Tenure | undefined;
  /** The latest failure, while no answer came since. */
  #trouble: LockStoreError | undefined;
  /** How often in a row the store was busy, or failed. */
  #attempt = 0;
  /** The place to take back, if the queue forgets us. */
  #place: number | undefined;
  #holder: Holder | undefined;

  constructor(settings: GateSettings) {
    this.key = settings.key;
    this.#party = settings.party;
    this.#onIdle = settings.onIdle;
    this.#line = new CallerLine({
      key: settings.key,
      clock: settings.party.clock,
      maxWaiters: settings.maxWaiters,
      owner: this,
    });
  }

  /** Can a caller that does not wait be told "busy" without asking the store? */
  get surelyHeld(): boolean {
    return this.#tenure?.surelyHeld ?? false;
  }

  /** Waits for a section, in order of arrival. */
  join(options: ResolvedAcquire, wait: number): Promise<Section> {
    if (this.#trouble !== undefined) return Promise.reject(this.#trouble);
    const waiter = this.#line.join(options, wait);
    if (waiter instanceof LockQueueFullError) return Promise.reject(waiter);
    // That it is busy is known already: a newcomer must not take the store for silent.
    if (this.#tenure !== undefined || this.#holder !== undefined) this.#reportWait();
    if (this.#tenure === undefined && this.#ask === undefined) void this.#send();
    return waiter.promise;
  }

  /** The store hands the key to one of our tokens. */
  offered(token: string, fence: number): void {
    if (this.#tenure?.lease.token === token) return;
    const ask = this.#ask;
    if (ask === undefined || ask.token !== token || ask.state === 'resting') {
      this.#party.giveUp(this.key, token);
      return;
    }
    if (fence <= ask.floor) return;
    // Should the command on its way fail, the token is dead: its answer, which must be here soon, decides.
    if (ask.unansweredSince === undefined) this.#take(ask, fence);
    else ask.offer = fence;
  }

  #take(ask: PendingAsk, fence: number): void {
    this.#endAsk('taken');
    // An older offer may have ended and come again, with other holders in between. Only the confirmation's fences are
    // above theirs, and above those of all who began before a caller came that was not there when the offer was asked for.
    const young = ask.offerEnds.remaining >= OFFER_MS / 2 && this.#isFor(ask.upTo);
    const { ttl, callers, upTo } = this.#line.batch();
    const deadline = young ? ask.offerEnds : undefined;
    const { token } = ask;
    const lease = new Lease({ party: this.#party, key: this.key, token, ttl, deadline, confirmed: false });
    const fences = new FenceSupply().add(fence, young ? 1 : 0);
    this.#enter(lease, upTo, fences).beginConfirming(callers - fences.left, young);
  }

  /** Is what was asked for with this number of the last caller for the first one in line? */
  #isFor(upTo = 0): boolean {
    return (this.#line.first?.number ?? 0) <= upTo;
  }

  /** The store, or the way grants reach us, is back: messages may have been lost. */
  nudge(): void {
    const ask = this.#ask;
    if (ask?.state === 'queued') this.#look(ask);
    else if (ask?.state === 'resting') void this.#send();
    // Its answer may be older than what was missed.
    else if (ask?.state === 'sent') ask.stale = true;
  }

  /** Ends all waits. */
  refuseAll(error: Error): void {
    this.#line.refuseAll(error);
  }

  // ---- asking

  /** Asks for those who stand in line, giving up a former lease in the same step. */
  #send(giveUp?: GiveUp): Promise<ReleaseOutcome> {
    const { session, mint } = this.#party;
    const mode: Ask['mode'] = session.queues && session.isAwake(this.key) ? 'queue' : 'once';
    const ask = new PendingAsk(mint.next(), mode);
    this.#ask?.rest(undefined);
    this.#ask = ask;
    return this.#command(ask, mode, giveUp);
  }

  #look(ask: PendingAsk): void {
    ask.rest(undefined);
    if (ask.looking) {
      ask.stale = true;
      return;
    }
    ask.looking = true;
    void this.#command(ask, 'look');
  }

  #command(ask: PendingAsk, mode: Ask['mode'], giveUp?: GiveUp): Promise<ReleaseOutcome> {
    const { ttl, callers, upTo } = this.#line.batch();
    const sent = Deadline.in(this.#party.clock, 0);
    ask.offerEnds ??= sent.plus(OFFER_MS);
    ask.upTo ??= upTo;
    ask.unansweredSince = this.#party.clock.monotonic();
    const place = mode === 'queue' ? this.#place : undefined;
    const request = { key: this.key, giveUp, ask: { token: ask.token, ttl, sections: callers, mode, place } };
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

  #onAnswer(ask: PendingAsk, answer: Answer, { sent, ttl, upTo }: Sent): void {
    ask.looking = false;
    ask.unansweredSince = undefined;
    this.#trouble = undefined;
    if (ask.state === 'taken') return;
    if (ask.state === 'left') {
      // Its place was given up behind it; this is for a store that may have changed their order.
      if (answer.state === 'granted' || answer.state === 'queued') this.#party.giveUp(this.key, ask.token);
      return;
    }
    if (answer.state === 'granted') {
      this.#endAsk('taken');
      const { token } = ask;
      const lease = new Lease({
        party: this.#party,
        key: this.key,
        token,
        ttl,
        deadline: sent.plus(ttl),
        confirmed: true,
      });
      if (this.#isFor(upTo)) {
        this.#enter(lease, upTo, new FenceSupply().add(answer.fence, answer.drawn)).begin();
      } else {
        // Those it was asked for have left, and others have come.
        const { callers, upTo: last } = this.#line.batch();
        this.#enter(lease, last, new FenceSupply()).beginConfirming(callers, false);
      }
      return;
    }
    if (answer.state === 'gone') return this.#onGone(ask);
    if (answer.state === 'mixed') return this.refuseAll(new LockStoreError(answer.kind));
    this.#holder = answer;
    this.#reportWait();
    if (answer.state === 'queued') {
      ask.state = 'queued';
      ask.offerEnds = sent.plus(OFFER_MS);
      this.#place = answer.place;
      this.#attempt = 0;
      ask.floor = answer.fence;
      // Had it been made since, and stood, the answer would have been "granted".
      if (ask.offer !== undefined && ask.offer > ask.floor) return this.#take(ask, ask.offer);
      ask.offer = undefined;
      const delay = ask.stale ? 0 : lookDelay(answer);
      ask.stale = false;
      ask.rest(this.#party.clock.schedule(() => this.#look(ask), delay));
      return;
    }
    if (ask.mode === 'once' && this.#listen()) void this.#send();
    else this.#rest(ask, pollDelay(answer, (this.#attempt += 1)));
  }

  /** The queue forgot us: skipped while we could not be reached, flushed, or restarted. */
  #onGone(ask: PendingAsk): void {
    if (this.#listen()) void this.#send();
    else this.#rest(ask, retryDelay((this.#attempt += 1)));
  }

  #onFailure(ask: PendingAsk, error: LockStoreError): void {
    ask.looking = false;
    ask.unansweredSince = undefined;
    if (!ask.live) return;
    this.#trouble = error;
    this.#rest(ask, retryDelay((this.#attempt += 1)));
    this.#line.refuseUninformed(error);
  }

  /** The ask's token is dead: another one follows after `delay`. */
  #rest(ask: PendingAsk, delay: number): void {
    ask.state = 'resting';
    ask.rest(this.#party.clock.schedule(() => void this.#send(), delay));
  }

  #restAnew(delay: number): void {
    this.#ask = new PendingAsk(this.#party.mint.next(), 'once');
    this.#rest(this.#ask, delay);
  }

  /** Can the store's queue reach us? If it could and does not yet, sees to it. */
  #listen(): boolean {
    const { session } = this.#party;
    if (!session.queues) return false;
    if (session.isAwake(this.key)) return true;
    session.listen(this.key).then(
      () => this.nudge(),
      (error: LockStoreError) => this.refuseAll(error),
    );
    return false;
  }

  // ---- serving

  #enter(lease: Lease, upTo: number, fences: FenceSupply): Tenure {
    this.#attempt = 0;
    this.#tenure = new Tenure({
      party: this.#party,
      lease,
      line: this.#line,
      upTo,
      fences,
      landlord: this,
    });
    return this.#tenure;
  }

  /** The tenure is over: gives its lease up, and asks for those who stand in line by now. */
  tenureOver(lease: Lease, keepFor: number): Promise<ReleaseOutcome> {
    // A lease that came too late to serve anybody does not show that the key was busy.
    const served = this.#tenure?.served === true;
    if (served) this.#line.inform();
    // An offer that had ended was no turn: the place is still ours to take back.
    if (served || lease.confirmed) this.#place = undefined;
    this.#tenure = undefined;
    this.#holder = undefined;
    const giveUp = this.#party.givingUp(this.key, lease.token, keepFor);
    if (this.#line.size > 0 && this.#party.session.queues) return this.#send(giveUp);
    const outcome = this.#party.release(this.key, giveUp);
    // Without a queue, to ask in the same step would be to win every time: others must have a chance in between.
    if (this.#line.size > 0) this.#restAnew(turnDelay());
    else this.#forgetIfIdle();
    return outcome;
  }

  // ---- leaving

  waiterDue(waiter: Waiter): void {
    if (this.#trouble !== undefined) return waiter.refuse(this.#trouble);
    const since = this.#ask?.unansweredSince;
    const silent = since === undefined ? 0 : this.#party.clock.monotonic() - since;
    const busy = this.#tenure !== undefined || (this.#line.informed(waiter) && silent < REPLY_GRACE);
    if (busy) return waiter.refuse(this.busy(waiter.waited));
    const grace = REPLY_GRACE - waiter.waited;
    if (grace > 0) return waiter.postpone(grace);
    waiter.refuse(
      new LockStoreError(
        `The store has not answered for ${Math.round(silent || waiter.waited)} ms: whether the lock "${this.key}" is free is ` +
          'not known. Check the connection to Redis.',
      ),
    );
  }

  /** The error for a caller who waited so long, in ms. */
  busy(waited: number): LockBusyError {
    const holder = this.#tenure?.lease.token ?? this.#holder?.holder ?? '';
    const remaining = this.#tenure?.lease.remaining ?? this.#holder?.remaining;
    return new LockBusyError(this.key, waited, holder === '' ? undefined : ownerOf(holder), remaining);
  }

  /** With the last caller the ask goes too. */
  lineEmpty(): void {
    const ask = this.#ask;
    if (ask !== undefined) {
      const known = ask.state === 'sent' || ask.state === 'queued';
      this.#endAsk('left');
      if (known) this.#party.giveUp(this.key, ask.token);
    }
    this.#forgetIfIdle();
  }

  #endAsk(state: 'taken' | 'left'): void {
    this.#ask?.end(state);
    this.#ask = undefined;
  }

  #forgetIfIdle(): void {
    if (this.#line.size === 0 && this.#ask === undefined && this.#tenure === undefined) this.#onIdle(this);
  }

  #reportWait(): void {
    const wait = { name: 'wait', key: this.key } as const;
    this.#line.inform(observed('wait') ? () => this.#party.emit('wait', () => wait) : undefined);
  }
}
