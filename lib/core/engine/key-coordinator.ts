/** One key in this process: its callers, its leases, and its one request in the store. */
import { type LockOptionsError, LockQueueFullError } from '../../errors/index.js';
import { BatchSet } from '../batches/batch-set.js';
import type { LeaseBatch } from '../batches/lease-batch.js';
import { SERVING_TABLE, type ServingEffect } from '../batches/serving-table.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import { compatibleKinds, type LockAccess, type LockKind } from '../contracts/token.js';
import type { Caller } from '../queue/caller.js';
import { WaitQueue } from '../queue/wait-queue.js';
import type { Waiter } from '../queue/waiter.js';
import { LeaseRequester } from '../requests/lease-requester.js';
import type { PendingRequest } from '../requests/pending-request.js';
import { RequestKnowledge } from '../requests/request-knowledge.js';
import type { CallerEffect, RequestOwner } from '../requests/request-table.js';
import type { DeadlineTimer } from '../runtime/deadline-timer.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ReleaseOutcome } from '../runtime/session-commands.js';
import type { Clock } from '../time/clock.js';
import type { KeyCoordinatorSettings, KeyParts } from './key-parts.js';
import { startGranted, startOffered } from './lease-start.js';
import type { LoneCaller } from './lone-caller.js';
import { busy, concerned, conflictOf, tellBusy, tooLate, waiterDue } from './refusals.js';

/**
 * Events come from callers, from the requester (replies, offers, timers) and from batches. Each event ends in
 * `#settle`, which establishes an invariant by the serving table. While callers wait, there is an exclusive lease, a
 * lease that admits callers, or a request that fits the first waiter. If events are nested, the invariant is established
 * at the end of the outermost one.
 */
export class KeyCoordinator implements KeyParts, RequestOwner {
  readonly key: string;
  readonly #settings: KeyCoordinatorSettings;
  readonly context: EngineContext;
  readonly queue = new WaitQueue();
  readonly known: RequestKnowledge;
  readonly requester: LeaseRequester;
  readonly batches = new BatchSet();
  /** The kind of the latest caller. It decides which other kinds the key may have. */
  #kind: LockKind | undefined;
  /** How many events are being performed, each within the one before. */
  #depth = 0;
  /** What to do for leases that ended while an event was performed. */
  #ended: Array<() => void> | undefined;

  /** @param lone the caller that had the key until now. Its request or its lease goes on here. */
  constructor(settings: KeyCoordinatorSettings, lone?: LoneCaller) {
    this.key = settings.key;
    this.#settings = settings;
    this.context = settings.context;
    this.known = new RequestKnowledge(this.key, this.context.session, this.queue, lone?.underWay);
    this.requester = new LeaseRequester(this.context, this.known, this);
    if (lone === undefined) return;
    this.#kind = 'exclusive';
    lone.moveTo(this);
  }

  get clock(): Clock {
    return this.context.clock;
  }

  get deadlines(): DeadlineTimer {
    return this.context.deadlines;
  }

  /** True while a caller that does not wait can be refused as "busy" without a command to the store. */
  get surelyHeld(): boolean {
    return this.batches.exclusive?.surelyHeld ?? false;
  }

  /** True while an exclusive caller is the first waiter. Readers behind it wait for the holders too. */
  get writerFirst(): boolean {
    return this.first?.options.access.kind === 'exclusive';
  }

  get first(): Waiter | undefined {
    return this.queue.first;
  }

  shift(): Waiter | undefined {
    return this.queue.shift();
  }

  /** The error if a caller of this access cannot be served beside the other callers of the key. */
  refusal(access: LockAccess): LockOptionsError | undefined {
    if (this.#kind === undefined || compatibleKinds(this.#kind, access.kind)) return undefined;
    return kindConflict(this.key, access, this.#kind);
  }

  // ---- events of callers

  /** Waits for a hold, in order of arrival. */
  acquire<T>(caller: Caller<T>, wait: number): Promise<T> {
    const { access } = caller.options;
    const refusal = this.refusal(access) ?? this.known.lastingFailure;
    if (refusal !== undefined) return caller.rejected(refusal);
    const { maxWaiters } = this.#settings;
    if (this.queue.size >= maxWaiters) return caller.rejected(new LockQueueFullError(this.key, maxWaiters));
    const waiter = this.queue.add(this, caller, wait);
    this.#kind = access.kind;
    // If the key is known to be busy, a newcomer must know that too: else its error would blame the store.
    if (this.batches.exclusive !== undefined || this.known.holder !== undefined) tellBusy(this);
    try {
      this.#settle();
    } catch (error) {
      waiter.refuse(error);
    }
    return waiter.promise as Promise<T>;
  }

  waiterLeft(waiter: Waiter): void {
    this.queue.remove(waiter);
    this.#settle();
  }

  waiterDue(waiter: Waiter): void {
    waiterDue(waiter, this);
  }

  /** Ends all waits. */
  refuseAll(error: Error): void {
    this.#refuse(concerned('refuse all', undefined, this), error);
  }

  // ---- events of the store

  /** The store has handed the key to a token of this session. If the token already has a lease, this is no offer. */
  onGrant(token: string, fence: number, unverified = false): void {
    if (!this.batches.has(token)) this.requester.onGrant(token, fence, unverified);
  }

  onReconnected(): void {
    this.requester.onReconnected();
  }

  /** Performs for the callers what an event of the request means. */
  perform(effect: CallerEffect, request?: PendingRequest, error?: Error): void {
    switch (effect) {
      case 'tell busy':
        return tellBusy(this);
      case 'serve':
        return request && startGranted(request, this);
      case 'serve offer':
        if (request !== undefined) startOffered(request, this);
        return this.#refuseOverdue();
      case 'refuse conflict':
        return this.#refuse(concerned(effect, request, this), request && conflictOf(request, this));
      case 'refuse uninformed':
      case 'refuse overdue':
      case 'refuse all':
        return this.#refuse(concerned(effect, request, this), error);
      case 'answered':
        return this.#refuseOverdue();
      case 'begun':
        return void (this.#depth += 1);
      case 'settled':
        this.#depth -= 1;
        return this.#settle();
    }
  }

  // ---- events of batches

  batchServed(batch: LeaseBatch): void {
    if (batch === this.batches.exclusive) return;
    if (this.batches.admitted()) {
      this.known.leaseServed(true);
      this.#refuseOverdue();
    }
    this.#settle();
  }

  batchEnded(batch: LeaseBatch, releaseAfter: number): Promise<ReleaseOutcome> {
    if (this.#depth === 0) return this.#over(batch, releaseAfter);
    return new Promise((resolve) => {
      (this.#ended ??= []).push(() => resolve(this.#over(batch, releaseAfter)));
    });
  }

  #over(batch: LeaseBatch, releaseAfter: number): Promise<ReleaseOutcome> {
    const { served, lease } = batch;
    const exclusive = batch === this.batches.exclusive;
    this.#depth += 1;
    // If a lease came too late to serve a caller, this does not mean that the key was busy.
    if (exclusive && served) this.queue.inform();
    // If an offer had ended before it was confirmed, no caller could be served: the next request keeps the queue score.
    const latest = this.batches.remove(batch);
    if (latest) this.known.leaseServed(served || lease.confirmed);
    // Some waiters stayed for this lease. If each lease comes too late, they must not stay for ever. If the store has
    // given the key to another holder meanwhile, the key is busy.
    if (exclusive && !served) {
      this.#refuse(this.queue.overdue(), lease.lost === 'not-owner' ? undefined : tooLate(this.key));
    } else if (latest) this.#refuseOverdue();
    const release = this.context.commands.releaseRequest(this.key, lease.token, releaseAfter);
    const event = this.queue.size > 0 ? 'lease over, callers wait' : 'lease over, nobody waits';
    const [effect] = SERVING_TABLE[event][this.batches.state];
    try {
      if (effect === 'release and request') return this.requester.leaseOver(release);
      return this.context.commands.release(this.key, release);
    } finally {
      this.#depth -= 1;
      this.#settle();
    }
  }

  // ---- what follows from an event

  #settle(): void {
    if (this.#depth > 0) return;
    this.#depth = 1;
    try {
      do {
        for (let over = this.#ended?.shift(); over !== undefined; over = this.#ended?.shift()) over();
        const event = this.queue.size > 0 ? 'callers wait' : 'nobody waits';
        for (const effect of SERVING_TABLE[event][this.batches.state]) this.#do(effect);
      } while (this.#ended !== undefined && this.#ended.length > 0);
    } finally {
      this.#depth = 0;
    }
  }

  #do(effect: ServingEffect): void {
    switch (effect) {
      case 'request':
        return this.requester.callersWait();
      case 'cancel request':
        return this.requester.nobodyWaits();
      case 'end idle batches':
        return this.batches.queueEmptied();
      case 'forget key':
        return this.#settings.onIdle(this);
    }
  }

  // ---- refusals

  #refuse(waiters: readonly Waiter[], error?: Error): void {
    if (waiters.length === 0) return;
    this.#depth += 1;
    for (const waiter of waiters) waiter.refuse(error ?? busy(waiter.waited, this));
    this.#depth -= 1;
    this.#settle();
  }

  /** Refuses the waiters that stayed for a reply and got no hold. */
  #refuseOverdue(): void {
    if (!this.batches.entering) this.#refuse(this.queue.overdue());
  }
}
