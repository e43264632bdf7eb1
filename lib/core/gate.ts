/** One key's waiting callers in this process: however many they are, the store sees one ask. */
import { LockBusyError, type LockOptionsError, LockQueueFullError, LockStoreError } from '../errors/index.js';
import { quoted } from '../errors/quoted.js';
import type { ResolvedAcquire } from './acquire.options.js';
import { Asker, type AskerHost, type Sent } from './asker.js';
import type { Deadline } from './deadline.js';
import { observed } from './diagnostics.js';
import { FenceSupply } from './fence-supply.js';
import { Lease } from './lease.js';
import { CallerLine, type LineOwner } from './line.js';
import { mixedKinds } from './mixed-kinds.js';
import type { Party, ReleaseOutcome } from './party.js';
import type { PendingAsk } from './pending-ask.js';
import type { ReadersTenure } from './readers.tenure.js';
import type { Section } from './section.js';
import { tooLate } from './solo.js';
import { SideBySide, type SideBySideHost } from './side-by-side.js';
import { type Granted, OFFER_MS } from './store.contract.js';
import { type Landlord, Tenure } from './tenure.js';
import { goTogether, type LockKind, ownerOf, type Sharing } from './token.js';
import type { Waiter } from './waiter.js';

/** How long the verbs of a store take that does not say so, in ms. */
const VERB_TIMEOUT = 10_000;
/** A verb that is overdue fails by itself: it is given so much more time for that, in ms. */
const MARGIN = 250;

export interface GateSettings {
  readonly key: string;
  readonly party: Party;
  readonly maxWaiters: number;
  /** Nobody waits and nothing is held: the gate can be forgotten. */
  readonly onIdle: (gate: Gate) => void;
}

/**
 * States: idle → asking (`#asker`) → serving → asking again for those who came meanwhile, or idle. While an exclusive
 * lease is served (`#tenure`) nothing is asked for. While readers or permits are (`#shared`), those who stand in line are
 * asked for as soon as the latest of these leases has let its own in.
 *
 * Invariants: while somebody stands in line, there is an exclusive tenure, or a shared one that still lets callers in, or
 * an ask. The ask is for the first one in line, and of its kind. All in a gate are of kinds that go together.
 */
export class Gate implements LineOwner, Landlord, AskerHost, SideBySideHost {
  readonly key: string;
  readonly #party: Party;
  readonly #onIdle: (gate: Gate) => void;
  readonly #line: CallerLine;
  readonly #asker: Asker;
  #tenure: Tenure | undefined;
  /** Made for the first of them: most gates have none. */
  #shared: SideBySide | undefined;
  /** Of the latest caller: whether others go with it is what it is kept for. */
  #kind: LockKind | undefined;

  constructor(settings: GateSettings) {
    this.key = settings.key;
    this.#party = settings.party;
    this.#onIdle = settings.onIdle;
    this.#line = new CallerLine({
      key: settings.key,
      clock: settings.party.clock,
      deadlines: settings.party.deadlines,
      maxWaiters: settings.maxWaiters,
      owner: this,
    });
    this.#asker = new Asker(settings.key, settings.party, this.#line, this);
  }

  /** Can a caller that does not wait be told "busy" without asking the store? Under an exclusive lease alone. */
  get surelyHeld(): boolean {
    return this.#tenure?.surelyHeld ?? false;
  }

  /** Is an exclusive caller the first to wait? Then readers, too, wait for those who hold the key. */
  get writerFirst(): boolean {
    return this.#line.first?.options.sharing.kind === 'exclusive';
  }

  /** Why a caller of this kind cannot be served while the others of the gate are there. */
  refusal(sharing: Sharing): LockOptionsError | undefined {
    if (this.#kind === undefined || goTogether(this.#kind, sharing.kind)) return undefined;
    return mixedKinds(this.key, sharing, this.#kind);
  }

  /** Waits for a section, in order of arrival. */
  join(options: ResolvedAcquire, wait: number): Promise<Section> {
    const refusal = this.refusal(options.sharing) ?? this.#asker.hopeless;
    if (refusal !== undefined) return Promise.reject(refusal);
    const waiter = this.#line.join(options, wait);
    if (waiter instanceof LockQueueFullError) return Promise.reject(waiter);
    this.#kind = options.sharing.kind;
    // That it is busy is known already: a newcomer must not take the store for silent.
    if (this.#tenure !== undefined || this.#asker.holder !== undefined) this.knownBusy();
    if (!this.#asker.asking && this.#mayAsk) void this.#asker.send();
    return waiter.promise;
  }

  /** The store hands the key to one of our tokens. */
  offered(token: string, fence: number, doubtful = false): void {
    if (this.#tenure?.lease.token === token || this.#shared?.has(token) === true) return;
    this.#asker.offered(token, fence, doubtful);
  }

  /** The store, or the way grants reach us, is back: messages may have been lost. */
  nudge(): void {
    this.#asker.nudge();
  }

  /** Ends all waits. */
  refuseAll(error: Error): void {
    this.#line.refuseAll(error);
  }

  // ---- serving

  granted(ask: PendingAsk, { fence, drawn }: Granted, { sent, ttl, upTo }: Sent): void {
    const ends = sent.plus(ttl);
    if (this.#isFor(upTo)) {
      this.#enter(ask, this.#lease(ask, ttl, ends, true), upTo, fence, drawn, upTo).begin();
    } else {
      // Those it was asked for have left, and others have come.
      const { callers, ttl: longest, upTo: last } = this.#line.batch();
      const lease = this.#lease(ask, Math.max(ttl, longest), ends, true);
      this.#enter(ask, lease, last, 0, 0, last).beginConfirming(callers, false);
    }
  }

  handed(ask: PendingAsk, fence: number, doubtful: boolean): void {
    const { upTo: drawnFor = 0 } = ask;
    // An older offer may have ended and come again, with other holders in between. Only the confirmation's fences are
    // above theirs, and above those of all who began before a caller came that was not there when the offer was asked for.
    const young = !doubtful && ask.offerEnds.remaining >= OFFER_MS / 2 && this.#isFor(drawnFor);
    const { ttl, callers, upTo } = this.#line.batch();
    const lease = this.#lease(ask, ttl, young ? ask.offerEnds : undefined, false);
    const drawn = young ? 1 : 0;
    this.#enter(ask, lease, upTo, fence, drawn, drawnFor).beginConfirming(callers - drawn, young);
    this.answered();
  }

  /** Is what was asked for with this number of the last caller for the first one in line? */
  #isFor(upTo: number): boolean {
    return (this.#line.first?.number ?? 0) <= upTo;
  }

  #lease({ token }: PendingAsk, ttl: number, deadline: Deadline | undefined, confirmed: boolean): Lease {
    return new Lease({ party: this.#party, key: this.key, token, ttl, deadline, confirmed });
  }

  #enter(
    { sharing: { kind } }: PendingAsk,
    lease: Lease,
    upTo: number,
    fence: number,
    drawn: number,
    drawnFor: number,
  ): Tenure | ReadersTenure {
    const party = this.#party;
    const line = this.#line;
    if (kind !== 'exclusive') {
      this.#shared ??= new SideBySide(this);
      return this.#shared.enter(kind, { party, lease, line, upTo }, { fence, drawn, drawnFor });
    }
    const fences = new FenceSupply().add(fence, drawn, drawnFor);
    this.#tenure = new Tenure({ party, lease, line, upTo, fences, landlord: this });
    return this.#tenure;
  }

  /** The exclusive tenure is over: gives its lease up, and asks for those who stand in line by now. */
  tenureOver(lease: Lease, keepFor: number): Promise<ReleaseOutcome> {
    // A lease that came too late to serve anybody does not show that the key was busy.
    const served = this.#tenure?.served === true;
    if (served) this.#line.inform();
    this.#tenure = undefined;
    // An offer that had ended was no turn: the place is still ours to take back.
    this.#asker.servedBy(served || lease.confirmed);
    // They stayed for this lease. To stay for the next one could go on for ever, where each comes too late.
    // What the store has given to somebody else is busy.
    const taken = lease.lost === 'not-owner';
    if (!served) this.#line.refuseOverdue((waiter) => (taken ? this.busy(waiter.waited) : tooLate(this.key)));
    return this.#giveUp(lease, keepFor);
  }

  sharedSettled(turn: boolean): void {
    this.#asker.servedBy(turn);
    this.answered();
  }

  /** One of several tenures is over. Those who stand in line are asked for already, unless they were to be let in by it. */
  sharedOver(lease: Lease, keepFor: number): Promise<ReleaseOutcome> {
    return this.#giveUp(lease, keepFor);
  }

  #giveUp(lease: Lease, keepFor: number): Promise<ReleaseOutcome> {
    const giveUp = this.#party.givingUp(this.key, lease.token, keepFor);
    if (this.#line.size > 0 && this.#mayAsk) return this.#asker.sendAfter(giveUp);
    const outcome = this.#party.release(this.key, giveUp);
    this.#forgetIfIdle();
    return outcome;
  }

  // ---- the line

  get #mayAsk(): boolean {
    return this.#tenure === undefined && this.#shared?.entering !== true;
  }

  /** Others are first, or callers that were let in do not wait any more: the ask is to be theirs who do. */
  lineMoved(): void {
    const { first } = this.#line;
    if (first === undefined) this.lineEmpty();
    else if (!this.#mayAsk) return;
    else if (this.#asker.asking) this.#asker.suit(first.options.sharing);
    else void this.#asker.send();
  }

  /** With the last caller the ask goes too, and each lease that serves nobody just now. */
  lineEmpty(): void {
    this.#tenure?.lineEmptied();
    this.#shared?.lineEmptied();
    this.#asker.leave();
    this.#forgetIfIdle();
  }

  /** Only those of the ask: the others' own asks are answered by how it stands then. */
  mixed(kind: LockKind, sharing: Sharing, upTo: number): void {
    this.#line.refuseUpTo(upTo, mixedKinds(this.key, sharing, kind));
    if (this.#line.size > 0) this.lineMoved();
  }

  /**
   * The time of a waiter is over. If a reply is awaited, it may be a grant, and the store bounds it. A longer wait would
   * have got it, too: so the waiter stays for it.
   */
  waiterDue(waiter: Waiter): void {
    const { trouble, silent } = this.#asker;
    if (trouble !== undefined) return waiter.refuse(trouble);
    if (this.#isBusyFor(waiter)) return waiter.refuse(this.busy(waiter.waited));
    if (!waiter.overdue) {
      return this.#line.linger(waiter, (this.#party.session.verbTimeout ?? VERB_TIMEOUT) + MARGIN);
    }
    waiter.refuse(
      new LockStoreError(
        `The store has not answered for ${Math.round(silent || waiter.waited)} ms: whether the lock ${quoted(this.key)} is free is ` +
          'not known. Check the connection to Redis.',
      ),
    );
  }

  /** Is the key held here, or known to be busy, and no reply awaited that could say otherwise? */
  #isBusyFor(waiter: Waiter): boolean {
    if (this.#entering) return false;
    return this.#tenure !== undefined || (this.#line.informed(waiter) && !this.#asker.awaitsReply);
  }

  /** Has a lease come whose first callers are still to begin? */
  get #entering(): boolean {
    return this.#tenure?.served === false || this.#shared?.entering === true;
  }

  /** Whoever stayed for the answer, and was not granted, has waited long enough. */
  answered(): void {
    if (!this.#entering) this.#line.refuseOverdue((waiter) => this.busy(waiter.waited));
  }

  /** The error for a caller who waited so long, in ms. */
  busy(waited: number): LockBusyError {
    const known = this.#asker.holder;
    const holder = this.#tenure?.lease.token ?? known?.holder ?? '';
    const remaining = this.#tenure?.lease.remaining ?? known?.remaining;
    return new LockBusyError(this.key, waited, holder === '' ? undefined : ownerOf(holder), remaining);
  }

  knownBusy(): void {
    const wait = { name: 'wait', key: this.key } as const;
    this.#line.inform(observed('wait') ? () => this.#party.emit('wait', () => wait) : undefined);
  }

  #forgetIfIdle(): void {
    if (this.#line.size > 0 || this.#asker.asking || this.#tenure !== undefined) return;
    if (this.#shared === undefined || this.#shared.size === 0) this.#onIdle(this);
  }
}
