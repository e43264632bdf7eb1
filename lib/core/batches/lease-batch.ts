/** The callers of this process that one lease serves: one after the other, or several readers at the same time. */
import type { LockLossReason } from '../../errors/index.js';
import { Hold, type HoldOwner } from '../holds/hold.js';
import type { FenceSupply } from '../leases/fence-supply.js';
import type { Lease, LeaseListener } from '../leases/lease.js';
import { LONGEST_BATCH } from '../queue/batch-limits.js';
import type { Waiter, WaiterHost } from '../queue/waiter.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ReleaseOutcome } from '../runtime/session-commands.js';
import type { ListNode } from '../util/linked-list.js';

export interface LeaseBatchSettings {
  readonly context: EngineContext;
  readonly lease: Lease;
  /** The number of the last caller that the batch may serve: a caller that came later has no fence in this batch. */
  readonly upTo: number;
  readonly fences: FenceSupply;
  readonly owner: BatchOwner;
  /** How many holds may run at the same time: 1, or `Infinity` for readers. */
  readonly concurrency: number;
}

/** The owner of a batch has the callers that wait, and releases the lease of the batch. */
export interface BatchOwner extends WaiterHost {
  /** The first waiter. */
  readonly first: Waiter | undefined;
  /** Takes the first waiter out of the queue. */
  shift(): Waiter | undefined;
  /** A hold has started. A batch of readers calls this once, when all its readers were admitted. */
  batchServed(batch: LeaseBatch): void;
  /** Called once, at the end. The lease is released, `releaseAfter` ms later if that is above 0. */
  batchEnded(batch: LeaseBatch, releaseAfter: number): Promise<ReleaseOutcome>;
}

/**
 * States: admitting (the first holds have not started yet) → serving → over.
 *
 * A batch of concurrency 1 starts the next hold when the hold before has ended, within the batch's limits. A batch of
 * readers admits callers once. A reader that comes later needs a new request. So a writer that joins the queue meanwhile
 * waits only for the readers that were admitted.
 *
 * Invariants: At most `concurrency` holds run. A hold starts only while the lease is held, with a fence of its own, and
 * with as much time left as the caller needs. After `over`, no hold starts.
 */
export class LeaseBatch implements LeaseListener, HoldOwner {
  readonly lease: Lease;
  owner: BatchOwner;
  /** The batch's node in the collection of batches. */
  node: ListNode<LeaseBatch> | undefined;
  readonly #context: EngineContext;
  readonly #fences: FenceSupply;
  readonly #upTo: number;
  readonly #concurrency: number;
  readonly #readers: boolean;
  readonly running: Hold[] = [];
  /** How many of the running holds want the lease renewed. */
  #renewing = 0;
  #admitting = true;
  #served = false;
  /** The end of the longest `minHold` of holds that have ended, on the monotonic clock. */
  #busyUntil = -Infinity;
  #confirming: Promise<void> | undefined;
  #over: Promise<ReleaseOutcome> | undefined;

  constructor(settings: LeaseBatchSettings) {
    this.lease = settings.lease;
    this.#context = settings.context;
    this.#upTo = settings.upTo;
    this.#fences = settings.fences;
    this.owner = settings.owner;
    this.#concurrency = settings.concurrency;
    this.#readers = settings.concurrency > 1;
    this.lease.listener = this;
    this.#context.renewals.add(this.lease);
  }

  /** True while a newcomer may be refused as "busy" without a request to the store. */
  get surelyHeld(): boolean {
    if (this.#over !== undefined || this.running.length === 0) return false;
    return this.lease.confirmed && this.lease.remaining > 0;
  }

  /** True until the callers that the lease was requested for have started. */
  get admitting(): boolean {
    return this.#admitting && this.#over === undefined;
  }

  /** True once a hold has started. */
  get served(): boolean {
    return this.#served;
  }

  /** Starts a lease that a reply granted, with fences for the callers. */
  begin(): void {
    this.#admit(false, this.lease.since);
  }

  /**
   * Starts a lease that is an offer, or that came without a usable fence. The confirmation is sent first, and draws
   * `fences`. The first hold starts before the reply only if the offer is young.
   */
  beginConfirming(fences: number, young: boolean): void {
    const confirming = (this.#confirming = this.#confirm(fences));
    const { first } = this.owner;
    if (young && first !== undefined) {
      // Another permit may have used the fences, or the fences are too old for this caller.
      if (this.#fences.hasFor(first.number)) this.#start(first, this.#context.clock.monotonic());
      else this.#stopAdmitting();
    }
    confirming.then(
      () => {
        this.#confirming = undefined;
        this.#admit();
      },
      () => this.#stopAdmitting(),
    );
  }

  async #confirm(fences: number): Promise<void> {
    const reply = await this.lease.renew(this.lease.ttl, fences);
    if (reply.held) this.#fences.add(reply.fence, reply.drawn ?? fences, this.#upTo);
    this.#setRenewal();
  }

  /** Starts the holds that may start now. @param renewed true if the lease was renewed for them just now. */
  #admit(renewed = false, now = this.#context.clock.monotonic()): void {
    while (this.#over === undefined && this.running.length < this.#concurrency) {
      if (!this.#admitting && this.#readers) return;
      const next = this.#next(renewed, now);
      if (next === undefined || (renewed && this.lease.remainingAt(now) === 0)) return this.#stopAdmitting();
      if (this.#confirming !== undefined) return;
      if (!renewed && this.lease.remainingAt(now) < this.#needed(next)) return this.#renewFor(next);
      this.#start(next, now);
      renewed ||= this.#readers; // Readers start together: the checks of the first one count for all.
    }
  }

  /** The first waiter, if this batch may serve that waiter. A confirmation that is under way draws the fences. */
  #next(renewed: boolean, now: number): Waiter | undefined {
    const { first } = this.owner;
    if (first === undefined || first.number > this.#upTo) return undefined;
    if (this.#readers && first.options.access.kind !== 'shared') return undefined;
    if (this.#served && !renewed && !this.#readers && now - this.lease.since >= LONGEST_BATCH)
      return undefined;
    return this.#confirming !== undefined || this.#fences.hasFor(first.number) ? first : undefined;
  }

  /** How much time a hold needs at its start, in ms. Readers start together: the lease's ttl is their longest ttl. */
  #needed({ options: { ttl, renew } }: Waiter): number {
    if (this.#readers) return (this.lease.ttl * 2) / 3;
    return renew || !this.#served ? (ttl * 2) / 3 : ttl;
  }

  /** Renews the lease first: a hold must not start if too little of the lease is left. */
  #renewFor(next: Waiter): void {
    this.lease.renew(Math.max(this.lease.ttl, next.options.ttl)).then(
      // Another first waiter may need more than the lease was renewed for.
      () => this.#admit(this.#readers || this.owner.first === next),
      () => this.#stopAdmitting(),
    );
  }

  #start(waiter: Waiter, now: number): void {
    this.owner.shift();
    this.#served = true;
    if (!this.#readers) this.#admitting = false;
    const hold = new Hold({
      context: this.#context,
      lease: this.lease,
      fence: this.#fences.take(),
      options: waiter.options,
      waited: now - waiter.caller.since,
      startedAt: now,
      owner: this,
    });
    this.running.push(hold);
    if (waiter.options.renew) this.#renewing += 1;
    this.#setRenewal();
    this.lease.alarmAt = Math.min(this.lease.alarmAt, hold.alarmAt);
    this.#context.renewals.touch(this.lease);
    waiter.grant(hold);
    if (!this.#readers) this.owner.batchServed(this);
  }

  /** No caller is admitted any more. A caller that has no hold stays in the queue, for a new request. */
  #stopAdmitting(): void {
    if (this.#over !== undefined) return;
    this.#confirming = undefined;
    if (this.running.length === 0) return void this.#end();
    if (!this.#admitting) return;
    this.#admitting = false;
    this.#setRenewal();
    this.owner.batchServed(this);
  }

  /** Nobody waits any more. A lease without a running hold is released, even while a renewal is under way. */
  queueEmptied(): void {
    if (this.#over !== undefined || (this.running.length > 0 && !this.#admitting)) return;
    if (this.running.length === 0) this.#context.tasks.track(this.#end());
    else this.#stopAdmitting();
  }

  /** For how long the key stays busy after the batch, in ms. */
  get #busyFor(): number {
    return this.#busyUntil === -Infinity ? 0 : Math.max(0, this.#busyUntil - this.#context.clock.monotonic());
  }

  #setRenewal(): void {
    const starting = this.running.length === 0 || (this.#admitting && this.#readers);
    this.lease.autoRenew = this.#renewing > 0 || starting || !this.lease.confirmed;
  }

  holdEnded(hold: Hold): ReleaseOutcome | Promise<ReleaseOutcome> {
    const index = this.running.indexOf(hold);
    if (index < 0) return 'released';
    if (this.running.length === 1) this.running.pop();
    else this.running.splice(index, 1);
    if (hold.options.renew) this.#renewing -= 1;
    if (hold.minHold > 0) this.#busyUntil = Math.max(this.#busyUntil, hold.startedAt + hold.minHold);
    if (this.running.length > 0 || (this.#readers && this.#admitting)) {
      this.#setRenewal();
      return 'released';
    }
    this.lease.alarmAt = Infinity;
    // A caller with several keys may have used a higher fence, which was drawn later, for another key.
    this.#fences.raise(hold.usedFence);
    if (this.#readers || this.#busyFor > 0) return this.#end();
    this.#admit();
    return this.#over ?? 'released';
  }

  leaseLost(reason: LockLossReason): void {
    for (const hold of this.running.splice(0)) hold.lose(reason);
    void this.#end();
  }

  leaseAlarmed(): void {
    const now = this.#context.clock.monotonic();
    for (const hold of [...this.running]) if (hold.alarm(now) === 'over') void this.holdEnded(hold);
    this.lease.alarmAt = this.running.reduce((least, { alarmAt }) => Math.min(least, alarmAt), Infinity);
  }

  #end(): Promise<ReleaseOutcome> {
    if (this.#over !== undefined) return this.#over;
    this.#context.renewals.remove(this.lease);
    this.lease.listener = undefined;
    return (this.#over = this.owner.batchEnded(this, this.#busyFor));
  }
}
