/** One key in this process: its callers, its request in the store, and its leases. The store sees one request. */
import { type LockBusyError, type LockOptionsError, LockQueueFullError } from '../../errors/index.js';
import { BatchSet } from '../batches/batch-set.js';
import type { LeaseBatch } from '../batches/lease-batch.js';
import { SERVING_TABLE, type ServingEffect } from '../batches/serving-table.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import { compatibleKinds, type LockAccess, type LockKind } from '../contracts/token.js';
import type { Hold } from '../holds/hold.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import { WaitQueue } from '../queue/wait-queue.js';
import type { Waiter } from '../queue/waiter.js';
import { LeaseRequester } from '../requests/lease-requester.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { RequestKnowledge } from '../requests/request-knowledge.js';
import type { CallerEffect, PerformForCallers } from '../requests/request-table.js';
import type { DeadlineTimer } from '../runtime/deadline-timer.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ReleaseOutcome } from '../runtime/session-commands.js';
import type { Clock } from '../time/clock.js';
import type { KeyCoordinatorSettings, KeyParts } from './key-parts.js';
import { startGranted, startOffered } from './lease-start.js';
import { busy, concerned, conflictOf, tellBusy, tooLate, waiterDue } from './refusals.js';

/**
 * Events come in from callers, from the requester (replies, offers, timers) and from batches. Each event ends in
 * `#settle`, which establishes the invariant by the serving table: while callers wait, there is an exclusive lease, a
 * lease that admits callers, or a request that fits the first waiter. An event that comes while another one is performed
 * changes nothing but the queue: its consequences follow at the end.
 */
export class KeyCoordinator implements KeyParts {
  readonly key: string;
  readonly #settings: KeyCoordinatorSettings;
  readonly context: EngineContext;
  readonly queue = new WaitQueue();
  readonly #requester: LeaseRequester;
  readonly batches = new BatchSet();
  /** Of the latest caller. It tells which other kinds may be on the key. */
  #kind: LockKind | undefined;
  #performing = false;
  /** Leases that have ended while an event is performed. */
  #ended: Array<() => void> | undefined;

  constructor(settings: KeyCoordinatorSettings) {
    this.key = settings.key;
    this.#settings = settings;
    this.context = settings.context;
    this.#requester = new LeaseRequester(settings.key, settings.context, this.queue, this.#perform);
  }

  get known(): RequestKnowledge {
    return this.#requester.known;
  }

  get clock(): Clock {
    return this.context.clock;
  }

  get deadlines(): DeadlineTimer {
    return this.context.deadlines;
  }

  /** True while a caller that does not wait is refused as "busy" without a request to the store. */
  get surelyHeld(): boolean {
    return this.batches.exclusive?.surelyHeld ?? false;
  }

  /** True while an exclusive caller is the first waiter. Readers, too, wait for the holders then. */
  get writerFirst(): boolean {
    return this.first?.options.access.kind === 'exclusive';
  }

  get first(): Waiter | undefined {
    return this.queue.first;
  }

  shift(): Waiter | undefined {
    return this.queue.shift();
  }

  /** Why a caller of this access cannot be served while the others of the key are there. */
  refusal(access: LockAccess): LockOptionsError | undefined {
    if (this.#kind === undefined || compatibleKinds(this.#kind, access.kind)) return undefined;
    return kindConflict(this.key, access, this.#kind);
  }

  /** The error of a caller that waited so long, in ms. */
  busy(waited: number): LockBusyError {
    return busy(waited, this);
  }

  // ---- events of callers

  /** Waits for a hold, in order of arrival. */
  acquire(options: ResolvedAcquire, wait: number): Promise<Hold> {
    const refusal = this.refusal(options.access) ?? this.known.lastingFailure;
    if (refusal !== undefined) return Promise.reject(refusal);
    const { maxWaiters } = this.#settings;
    if (this.queue.size >= maxWaiters) return Promise.reject(new LockQueueFullError(this.key, maxWaiters));
    const waiter = this.queue.add(this, options, wait);
    this.#kind = options.access.kind;
    // A newcomer to a key that is known to be busy must not take the store for silent.
    if (this.batches.exclusive !== undefined || this.known.holder !== undefined) tellBusy(this);
    this.#settle();
    return waiter.promise;
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

  /** The store hands the key to a token of this session. An offer of a lease that is served already is none. */
  onGrant(token: string, fence: number, unverified = false): void {
    if (!this.batches.has(token)) this.#requester.onGrant(token, fence, unverified);
  }

  onReconnected(): void {
    this.#requester.onReconnected();
  }

  /** Performs for the callers what an event of the request means. */
  readonly #perform: PerformForCallers = (effect, request, error): void => {
    this.#performing = effect !== 'settled';
    this.#performEffect(effect, request, error);
  };

  #performEffect(effect: CallerEffect, request?: PendingRequest, error?: Error): void {
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
      case 'settled':
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
    if (!this.#performing) return this.#over(batch, releaseAfter);
    return new Promise((resolve) => {
      (this.#ended ??= []).push(() => resolve(this.#over(batch, releaseAfter)));
    });
  }

  #over(batch: LeaseBatch, releaseAfter: number): Promise<ReleaseOutcome> {
    const { served, lease } = batch;
    const exclusive = batch === this.batches.exclusive;
    const outer = this.#performing;
    this.#performing = true;
    // A lease that came too late to serve anybody does not show that the key was busy.
    if (exclusive && served) this.queue.inform();
    // An offer that had ended was no chance to serve: the place in the queue is still ours to take back.
    if (this.batches.remove(batch)) this.known.leaseServed(served || lease.confirmed);
    // Waiters stayed for this lease. To stay for the next one could go on for ever, if each one comes too late. A lease
    // that the store has given to another holder is busy.
    if (exclusive && !served) {
      this.#refuse(this.queue.overdue(), lease.lost === 'not-owner' ? undefined : tooLate(this.key));
    } else if (!exclusive) this.#refuseOverdue();
    const release = this.context.commands.releaseRequest(this.key, lease.token, releaseAfter);
    const event = this.queue.size > 0 ? 'lease over, callers wait' : 'lease over, nobody waits';
    const [effect] = SERVING_TABLE[event][this.batches.state];
    const outcome =
      effect === 'release and request'
        ? this.#requester.leaseOver(release)
        : this.context.commands.release(this.key, release);
    this.#performing = outer;
    this.#settle();
    return outcome;
  }

  // ---- what follows from an event

  #settle(): void {
    if (this.#performing) return;
    this.#performing = true;
    do {
      for (let over = this.#ended?.shift(); over !== undefined; over = this.#ended?.shift()) over();
      const event = this.queue.size > 0 ? 'callers wait' : 'nobody waits';
      for (const effect of SERVING_TABLE[event][this.batches.state]) this.#do(effect);
    } while (this.#ended !== undefined && this.#ended.length > 0);
    this.#performing = false;
  }

  #do(effect: ServingEffect): void {
    switch (effect) {
      case 'request':
        return this.#requester.callersWait();
      case 'cancel request':
        return this.#requester.nobodyWaits();
      case 'end idle batches':
        return this.batches.queueEmptied();
      case 'forget key':
        if (!this.#requester.active && this.batches.size === 0) this.#settings.onIdle(this);
        return;
      case 'release':
      case 'release and request':
      // `#over` releases a lease.
    }
  }

  // ---- refusals

  #refuse(waiters: readonly Waiter[], error?: Error): void {
    if (waiters.length === 0) return;
    const outer = this.#performing;
    this.#performing = true;
    for (const waiter of waiters) waiter.refuse(error ?? this.busy(waiter.waited));
    this.#performing = outer;
    this.#settle();
  }

  /** A waiter that stayed for the reply, and was not granted, has waited long enough. */
  #refuseOverdue(): void {
    if (!this.batches.entering) this.#refuse(this.queue.overdue());
  }
}
