/** One key's waiting callers in this process: however many they are, the store sees one request. */
import {
  LockBusyError,
  type LockOptionsError,
  LockQueueFullError,
  LockStoreError,
} from '../../errors/index.js';
import { quoted } from '../../errors/quoted.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import { LeaseRequester, type RequesterHost, type Sent } from '../requests/lease-requester.js';
import type { Deadline } from '../time/deadline.js';
import { observed } from '../events/diagnostics.js';
import { FenceSupply } from '../leases/fence-supply.js';
import { Lease } from '../leases/lease.js';
import { WaitQueue, type WaitQueueOwner } from '../queue/wait-queue.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import type { EngineContext, ReleaseOutcome } from '../runtime/engine-context.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { ReaderBatch } from '../batches/reader-batch.js';
import type { Hold } from '../holds/hold.js';
import { tooLate } from './try-acquire.js';
import { ConcurrentBatches, type ConcurrentBatchesHost } from '../batches/concurrent-batches.js';
import { type Granted, OFFER_MS } from '../contracts/store.contract.js';
import { type BatchOwner, ExclusiveBatch } from '../batches/exclusive-batch.js';
import { compatibleKinds, type LockKind, ownerOf, type LockAccess } from '../contracts/token.js';
import type { Waiter } from '../queue/waiter.js';

/** How long the verbs of a store take that does not say so, in ms. */
const VERB_TIMEOUT = 10_000;
/** A verb that is overdue fails by itself: it is given so much more time for that, in ms. */
const MARGIN = 250;

export interface KeyCoordinatorSettings {
  readonly key: string;
  readonly context: EngineContext;
  readonly maxWaiters: number;
  /** Nobody waits and nothing is held: the coordinator can be forgotten. */
  readonly onIdle: (coordinator: KeyCoordinator) => void;
}

/**
 * States: idle → requesting (`#requester`) → serving → requesting again for those who came meanwhile, or idle. While an exclusive
 * lease is served (`#batch`) nothing is requested. While readers or permits are (`#shared`), those who wait in the queue are
 * requested as soon as the latest of these leases has let its own in.
 *
 * Invariants: while somebody waits in the queue, there is an exclusive batch, or a shared one that still lets callers in, or
 * a request. The request is for the first one in the queue, and of its kind. All in a coordinator are of kinds that go together.
 */
export class KeyCoordinator implements WaitQueueOwner, BatchOwner, RequesterHost, ConcurrentBatchesHost {
  readonly key: string;
  readonly #context: EngineContext;
  readonly #onIdle: (coordinator: KeyCoordinator) => void;
  readonly #queue: WaitQueue;
  readonly #requester: LeaseRequester;
  #batch: ExclusiveBatch | undefined;
  /** Made for the first of them: most coordinators have none. */
  #shared: ConcurrentBatches | undefined;
  /** Of the latest caller: whether others go with it is what it is kept for. */
  #kind: LockKind | undefined;

  constructor(settings: KeyCoordinatorSettings) {
    this.key = settings.key;
    this.#context = settings.context;
    this.#onIdle = settings.onIdle;
    this.#queue = new WaitQueue({
      key: settings.key,
      clock: settings.context.clock,
      deadlines: settings.context.deadlines,
      maxWaiters: settings.maxWaiters,
      owner: this,
    });
    this.#requester = new LeaseRequester(settings.key, settings.context, this.#queue, this);
  }

  /** Can a caller that does not wait be told "busy" without requesting the store? Under an exclusive lease alone. */
  get surelyHeld(): boolean {
    return this.#batch?.surelyHeld ?? false;
  }

  /** Is an exclusive caller the first to wait? Then readers, too, wait for those who hold the key. */
  get writerFirst(): boolean {
    return this.#queue.first?.options.access.kind === 'exclusive';
  }

  /** Why a caller of this kind cannot be served while the others of the coordinator are there. */
  refusal(access: LockAccess): LockOptionsError | undefined {
    if (this.#kind === undefined || compatibleKinds(this.#kind, access.kind)) return undefined;
    return kindConflict(this.key, access, this.#kind);
  }

  /** Waits for a hold, in order of arrival. */
  join(options: ResolvedAcquire, wait: number): Promise<Hold> {
    const refusal = this.refusal(options.access) ?? this.#requester.hopeless;
    if (refusal !== undefined) return Promise.reject(refusal);
    const waiter = this.#queue.join(options, wait);
    if (waiter instanceof LockQueueFullError) return Promise.reject(waiter);
    this.#kind = options.access.kind;
    // That it is busy is known already: a newcomer must not take the store for silent.
    if (this.#batch !== undefined || this.#requester.holder !== undefined) this.knownBusy();
    if (!this.#requester.requesting && this.#mayRequest) void this.#requester.send();
    return waiter.promise;
  }

  /** The store hands the key to one of our tokens. */
  onGrant(token: string, fence: number, doubtful = false): void {
    if (this.#batch?.lease.token === token || this.#shared?.has(token) === true) return;
    this.#requester.onGrant(token, fence, doubtful);
  }

  /** The store, or the way grants reach us, is back: messages may have been lost. */
  onReconnected(): void {
    this.#requester.onReconnected();
  }

  /** Ends all waits. */
  refuseAll(error: Error): void {
    this.#queue.refuseAll(error);
  }

  // ---- serving

  granted(request: PendingRequest, { fence, drawn }: Granted, { sent, ttl, upTo }: Sent): void {
    const ends = sent.plus(ttl);
    if (this.#isFor(upTo)) {
      this.#enter(request, this.#lease(request, ttl, ends, true), upTo, fence, drawn, upTo).begin();
    } else {
      // Those it was requested have left, and others have come.
      const { callers, ttl: longest, upTo: last } = this.#queue.nextBatch();
      const lease = this.#lease(request, Math.max(ttl, longest), ends, true);
      this.#enter(request, lease, last, 0, 0, last).beginConfirming(callers, false);
    }
  }

  handed(request: PendingRequest, fence: number, doubtful: boolean): void {
    const { upTo: drawnFor = 0 } = request;
    // An older offer may have ended and come again, with other holders in between. Only the confirmation's fences are
    // above theirs, and above those of all who began before a caller came that was not there when the offer was requested.
    const young = !doubtful && request.offerEnds.remaining >= OFFER_MS / 2 && this.#isFor(drawnFor);
    const { ttl, callers, upTo } = this.#queue.nextBatch();
    const lease = this.#lease(request, ttl, young ? request.offerEnds : undefined, false);
    const drawn = young ? 1 : 0;
    this.#enter(request, lease, upTo, fence, drawn, drawnFor).beginConfirming(callers - drawn, young);
    this.answered();
  }

  /** Is what was requested with this number of the last caller for the first one in the queue? */
  #isFor(upTo: number): boolean {
    return (this.#queue.first?.number ?? 0) <= upTo;
  }

  #lease({ token }: PendingRequest, ttl: number, deadline: Deadline | undefined, confirmed: boolean): Lease {
    return new Lease({ context: this.#context, key: this.key, token, ttl, deadline, confirmed });
  }

  #enter(
    { access: { kind } }: PendingRequest,
    lease: Lease,
    upTo: number,
    fence: number,
    drawn: number,
    drawnFor: number,
  ): ExclusiveBatch | ReaderBatch {
    const context = this.#context;
    const queue = this.#queue;
    if (kind !== 'exclusive') {
      this.#shared ??= new ConcurrentBatches(this);
      return this.#shared.enter(kind, { context, lease, queue, upTo }, { fence, drawn, drawnFor });
    }
    const fences = new FenceSupply().add(fence, drawn, drawnFor);
    this.#batch = new ExclusiveBatch({ context, lease, queue, upTo, fences, owner: this });
    return this.#batch;
  }

  /** The exclusive batch is over: releases its lease, and requests those who wait in the queue by now. */
  batchEnded(lease: Lease, releaseAfter: number): Promise<ReleaseOutcome> {
    // A lease that came too late to serve anybody does not show that the key was busy.
    const served = this.#batch?.served === true;
    if (served) this.#queue.inform();
    this.#batch = undefined;
    // An offer that had ended was no hold: the place is still ours to take back.
    this.#requester.servedBy(served || lease.confirmed);
    // They stayed for this lease. To stay for the next one could go on for ever, where each comes too late.
    // What the store has given to somebody else is busy.
    const taken = lease.lost === 'not-owner';
    if (!served)
      this.#queue.refuseOverdue((waiter) => (taken ? this.busy(waiter.waited) : tooLate(this.key)));
    return this.#release(lease, releaseAfter);
  }

  sharedSettled(exchange: boolean): void {
    this.#requester.servedBy(exchange);
    this.answered();
  }

  /** One of several batches is over. Those who wait in the queue are requested already, unless they were to be let in by it. */
  sharedOver(lease: Lease, releaseAfter: number): Promise<ReleaseOutcome> {
    return this.#release(lease, releaseAfter);
  }

  #release(lease: Lease, releaseAfter: number): Promise<ReleaseOutcome> {
    const release = this.#context.releaseRequest(this.key, lease.token, releaseAfter);
    if (this.#queue.size > 0 && this.#mayRequest) return this.#requester.sendAfter(release);
    const outcome = this.#context.release(this.key, release);
    this.#forgetIfIdle();
    return outcome;
  }

  // ---- the queue

  get #mayRequest(): boolean {
    return this.#batch === undefined && this.#shared?.entering !== true;
  }

  /** Others are first, or callers that were let in do not wait any more: the request is to be theirs who do. */
  queueMoved(): void {
    const { first } = this.#queue;
    if (first === undefined) this.queueEmpty();
    else if (!this.#mayRequest) return;
    else if (this.#requester.requesting) this.#requester.kindChanged(first.options.access);
    else void this.#requester.send();
  }

  /** With the last caller the request goes too, and each lease that serves nobody just now. */
  queueEmpty(): void {
    this.#batch?.queueEmptied();
    this.#shared?.queueEmptied();
    this.#requester.leave();
    this.#forgetIfIdle();
  }

  /** Only those of the request: the others' own requests are answered by how it stands then. */
  mixed(kind: LockKind, access: LockAccess, upTo: number): void {
    this.#queue.refuseUpTo(upTo, kindConflict(this.key, access, kind));
    if (this.#queue.size > 0) this.queueMoved();
  }

  /**
   * The time of a waiter is over. If a reply is awaited, it may be a grant, and the store bounds it. A longer wait would
   * have got it, too: so the waiter stays for it.
   */
  waiterDue(waiter: Waiter): void {
    const { trouble, silent } = this.#requester;
    if (trouble !== undefined) return waiter.refuse(trouble);
    if (this.#isBusyFor(waiter)) return waiter.refuse(this.busy(waiter.waited));
    if (!waiter.overdue) {
      return this.#queue.linger(waiter, (this.#context.session.verbTimeout ?? VERB_TIMEOUT) + MARGIN);
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
    return this.#batch !== undefined || (this.#queue.informed(waiter) && !this.#requester.awaitsReply);
  }

  /** Has a lease come whose first callers are still to begin? */
  get #entering(): boolean {
    return this.#batch?.served === false || this.#shared?.entering === true;
  }

  /** Whoever stayed for the answer, and was not granted, has waited long enough. */
  answered(): void {
    if (!this.#entering) this.#queue.refuseOverdue((waiter) => this.busy(waiter.waited));
  }

  /** The error for a caller who waited so long, in ms. */
  busy(waited: number): LockBusyError {
    const known = this.#requester.holder;
    const holder = this.#batch?.lease.token ?? known?.holder ?? '';
    const remaining = this.#batch?.lease.remaining ?? known?.remaining;
    return new LockBusyError(this.key, waited, holder === '' ? undefined : ownerOf(holder), remaining);
  }

  knownBusy(): void {
    const wait = { name: 'wait', key: this.key } as const;
    this.#queue.inform(observed('wait') ? () => this.#context.emit('wait', () => wait) : undefined);
  }

  #forgetIfIdle(): void {
    if (this.#queue.size > 0 || this.#requester.requesting || this.#batch !== undefined) return;
    if (this.#shared === undefined || this.#shared.size === 0) this.#onIdle(this);
  }
}
