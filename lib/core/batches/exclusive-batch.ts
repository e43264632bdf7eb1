/**
 * Serves the callers of this process that waited in the queue when a lease came, one after the other, from memory: an
 * exclusive lease's, or those of one permit of a semaphore.
 */
import type { LockLossReason } from '../../errors/index.js';
import { LONGEST_BATCH } from '../queue/batch-limits.js';
import type { FenceSupply } from '../leases/fence-supply.js';
import type { Lease, LeaseListener } from '../leases/lease.js';
import type { EngineContext, ReleaseOutcome } from '../runtime/engine-context.js';
import { Hold, type HoldOwner } from '../holds/hold.js';
import type { Waiter, WaiterSource } from '../queue/waiter.js';

export interface BatchSettings {
  readonly context: EngineContext;
  readonly lease: Lease;
  readonly queue: WaiterSource;
  /** The number of the last caller it may serve: those who waited in the queue when its fences were requested, and no others. */
  readonly upTo: number;
  readonly fences: FenceSupply;
  readonly owner: BatchOwner;
}

/** Who a batch gives its lease back to. */
export interface BatchOwner {
  /** Called once, at the end: releases the lease, after `releaseAfter` ms where that is above 0. */
  batchEnded(lease: Lease, releaseAfter: number): Promise<ReleaseOutcome>;
  /** It took callers off the queue. Told only where others may be served at the same time: not by an exclusive lease. */
  holdsStarted?(): void;
}

/**
 * States: a hold runs → the next one, at once or after the lease was renewed → … → over. Invariants: while the lease
 * is held, at most one hold of it runs; none starts without its share of the ttl; after `over` none starts.
 */
export class ExclusiveBatch implements LeaseListener, HoldOwner {
  readonly lease: Lease;
  readonly #context: EngineContext;
  readonly #queue: WaiterSource;
  readonly #fences: FenceSupply;
  readonly #owner: BatchOwner;
  readonly #until: number;
  readonly #upTo: number;
  #served = false;
  #current: Hold | undefined;
  #confirming: Promise<void> | undefined;
  #over: Promise<ReleaseOutcome> | undefined;

  constructor(settings: BatchSettings) {
    this.lease = settings.lease;
    this.#context = settings.context;
    this.#queue = settings.queue;
    this.#upTo = settings.upTo;
    this.#fences = settings.fences;
    this.#owner = settings.owner;
    this.#until = this.lease.since + LONGEST_BATCH;
    this.lease.listener = this;
    this.#context.renewals.add(this.lease);
  }

  /** Can a newcomer be told "busy" without requesting the store? */
  get surelyHeld(): boolean {
    return (
      this.#over === undefined &&
      this.#current !== undefined &&
      this.lease.confirmed &&
      this.lease.remaining > 0
    );
  }

  /** Is its first hold still to begin? */
  get entering(): boolean {
    return !this.#served && this.#over === undefined;
  }

  /** Has a hold begun? */
  get served(): boolean {
    return this.#served;
  }

  /** The lease was granted by a reply, with fences for those who are to be served. */
  begin(): void {
    const first = this.#queue.first;
    if (first === undefined) void this.#end(0);
    else if (this.lease.remaining < (first.options.ttl * 2) / 3) this.#topUp(first);
    else this.#start();
  }

  /**
   * The lease is an offer, or came without a fence that may be used: it is confirmed at once, and the confirmation, which
   * draws `fences`, is on its way before any hold starts. With a young offer the first hold does not wait for it.
   */
  beginConfirming(fences: number, young: boolean): void {
    this.#confirming = this.#confirm(fences).finally(() => (this.#confirming = undefined));
    if (young && this.#queue.first !== undefined) this.#start();
    else this.#resumeAfter(this.#confirming);
    this.#confirming.catch(() => undefined);
  }

  async #confirm(fences: number): Promise<void> {
    const reply = await this.lease.renew(this.lease.ttl, fences);
    if (reply.held) this.#fences.add(reply.fence, reply.drawn ?? fences, this.#upTo);
    this.lease.autoRenew = this.#current?.options.renew ?? true;
  }

  #next(): void {
    if (this.#over !== undefined || this.#current !== undefined) return;
    const next = this.#queue.first;
    if (next === undefined || next.number > this.#upTo) return void this.#end(0);
    const now = this.#context.clock.monotonic();
    if (this.#served && now >= this.#until) return void this.#end(0);
    if (this.#confirming !== undefined) return this.#resumeAfter(this.#confirming);
    if (!this.#fences.hasFor(next.number)) return void this.#end(0);
    const { ttl, renew } = next.options;
    if (this.lease.remaining < (renew ? (ttl * 2) / 3 : ttl)) this.#topUp(next);
    else this.#start(now);
  }

  /** Renews first: a hold must not start on the rest of a lease. */
  #topUp(next: Waiter): void {
    this.lease.renew(Math.max(this.lease.ttl, next.options.ttl)).then(
      () => {
        if (this.#over !== undefined) return;
        // Whoever is first now may have come too late for this batch's fences, or need more than was topped up.
        if (this.#queue.first !== next) this.#next();
        else if (this.lease.remaining === 0) void this.#end(0);
        else this.#start();
      },
      () => void this.#end(0),
    );
  }

  #resumeAfter(work: Promise<void>): void {
    work.then(
      () => this.#next(),
      () => void this.#end(0),
    );
  }

  #start(now = this.#context.clock.monotonic()): void {
    const waiter = this.#queue.first;
    // Another permit of the same semaphore may have used it up meanwhile.
    if (waiter === undefined || !this.#fences.hasFor(waiter.number)) return void this.#end(0);
    this.#queue.shift();
    this.#served = true;
    const hold = new Hold({
      context: this.#context,
      lease: this.lease,
      fence: this.#fences.take(),
      options: waiter.options,
      waited: now - waiter.since,
      startedAt: now,
      batch: this,
    });
    this.#current = hold;
    this.lease.autoRenew = waiter.options.renew || !this.lease.confirmed;
    this.lease.alarmAt = Math.min(hold.limitAt, hold.startedAt + this.#context.longHold);
    this.#context.renewals.touch(this.lease);
    waiter.grant(hold);
    this.#owner.holdsStarted?.();
  }

  /** Nobody waits in the queue any more: between two holds nothing is waited for then, whatever is on its way. */
  queueEmptied(): void {
    if (this.#current === undefined) this.#context.track(this.#end(0));
  }

  holdEnded(hold: Hold): ReleaseOutcome | Promise<ReleaseOutcome> {
    if (this.#current !== hold) return 'released';
    this.#current = undefined;
    this.lease.alarmAt = Infinity;
    // With several keys its caller used a fence that was drawn after the others of this batch.
    this.#fences.raise(hold.usedFence);
    const releaseAfter = hold.minHold > 0 ? hold.minHold - hold.age : 0;
    if (releaseAfter > 0) return this.#end(releaseAfter);
    this.#next();
    return this.#over ?? 'released';
  }

  leaseLost(reason: LockLossReason): void {
    this.#current?.lose(reason);
    this.#current = undefined;
    void this.#end(0);
  }

  leaseAlarmed(): void {
    const hold = this.#current;
    this.lease.alarmAt = Infinity;
    if (hold === undefined) return;
    const now = this.#context.clock.monotonic();
    if (now >= hold.limitAt) {
      hold.lose(hold.age >= hold.options.maxHold ? 'max-hold' : 'expired');
      void this.holdEnded(hold);
      return;
    }
    if (now >= hold.startedAt + this.#context.longHold) hold.reportLong();
    this.lease.alarmAt = hold.limitAt;
  }

  #end(releaseAfter: number): Promise<ReleaseOutcome> {
    if (this.#over === undefined) {
      this.#context.renewals.remove(this.lease);
      this.lease.listener = undefined;
      this.#over = this.#owner.batchEnded(this.lease, releaseAfter);
    }
    return this.#over;
  }
}
