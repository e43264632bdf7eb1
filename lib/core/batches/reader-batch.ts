/** Lets in, side by side, the readers of this process who stood together at the front of the queue when a lease came. */
import type { LockLossReason } from '../../errors/index.js';
import type { FenceSupply } from '../leases/fence-supply.js';
import type { Lease, LeaseListener } from '../leases/lease.js';
import type { EngineContext, ReleaseOutcome } from '../runtime/engine-context.js';
import { Hold, type HoldOwner } from '../holds/hold.js';
import type { BatchOwner, BatchSettings } from './exclusive-batch.js';
import type { Waiter, WaiterSource } from '../queue/waiter.js';

/**
 * States: letting in (`#entering`) → running → over, when the last one has left. Invariants: a reader is let in only
 * while the lease is held, with a fence of its own, and with its share of the ttl left; none after `#entering`: who
 * comes later requests anew, so that a writer who queues meanwhile waits for no more than those who are in.
 */
export class ReaderBatch implements LeaseListener, HoldOwner {
  readonly lease: Lease;
  readonly #context: EngineContext;
  readonly #queue: WaiterSource;
  readonly #fences: FenceSupply;
  readonly #owner: BatchOwner;
  readonly #upTo: number;
  /** Those who are in, each with when its lease's alarm is to ring for it, on the monotonic clock. */
  readonly #running = new Map<Hold, number>();
  /** How many of them want the lease renewed. */
  #renewing = 0;
  #entering = true;
  #served = false;
  /** Until when others are to be kept out after the last one has left, on the monotonic clock. */
  #keepUntil = -Infinity;
  #over: Promise<ReleaseOutcome> | undefined;

  constructor(settings: BatchSettings) {
    this.lease = settings.lease;
    this.#context = settings.context;
    this.#queue = settings.queue;
    this.#upTo = settings.upTo;
    this.#fences = settings.fences;
    this.#owner = settings.owner;
    this.lease.listener = this;
    this.#context.renewals.add(this.lease);
  }

  /** Are there some still to be let in? Whom they are is not to be requested again. */
  get entering(): boolean {
    return this.#entering;
  }

  /** Has one been let in? */
  get served(): boolean {
    return this.#served;
  }

  /** The lease was granted by a reply, with fences for those who are to be let in. */
  begin(): void {
    if (this.#over !== undefined) return;
    // Its ttl is the longest among them.
    if (this.lease.remaining >= (this.lease.ttl * 2) / 3) this.#letIn();
    else this.#topUp();
  }

  /** Renews first: a hold must not start on the rest of a lease. */
  #topUp(): void {
    this.lease.renew(this.lease.ttl).then(
      () => this.#letIn(),
      () => this.#allIn(),
    );
  }

  /**
   * The lease is an offer, or came without fences that may be used. As of an exclusive one, only the first hold may run
   * unconfirmed, of a young offer, whose fence it takes; the others have theirs from the confirmation.
   */
  beginConfirming(fences: number, young: boolean): void {
    const confirming = this.lease.renew(this.lease.ttl, fences).then((reply) => {
      if (reply.held) this.#fences.add(reply.fence, reply.drawn ?? fences, this.#upTo);
      this.#setRenewal();
    });
    if (young && this.#queue.first !== undefined) this.#start(this.#context.clock.monotonic());
    confirming.then(
      () => this.begin(),
      () => this.#allIn(),
    );
  }

  #letIn(): void {
    if (this.#over !== undefined) return;
    const now = this.#context.clock.monotonic();
    if (this.lease.remaining > 0) while (this.#mayEnter()) this.#start(now);
    this.#allIn();
  }

  /** Whoever was not let in, for want of a fence or because a renewal failed, stays in the queue and sends a new request. */
  #allIn(): void {
    if (this.#over !== undefined) return;
    this.#entering = false;
    this.#setRenewal();
    if (this.#running.size === 0) void this.#end();
    else this.#owner.holdsStarted?.();
  }

  /** Nobody waits in the queue any more: those whom a command on its way was to let in have left. */
  queueEmptied(): void {
    if (!this.#entering) return;
    this.#allIn();
    if (this.#over !== undefined) this.#context.track(this.#over);
  }

  #mayEnter(): boolean {
    const { first } = this.#queue;
    return (
      first !== undefined &&
      first.number <= this.#upTo &&
      first.options.access.kind === 'shared' &&
      this.#fences.hasFor(first.number)
    );
  }

  #start(now: number): void {
    const waiter = this.#queue.shift() as Waiter;
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
    const alarm = Math.min(hold.limitAt, now + this.#context.longHold);
    this.#running.set(hold, alarm);
    if (waiter.options.renew) this.#renewing += 1;
    this.#setRenewal();
    this.lease.alarmAt = Math.min(this.lease.alarmAt, alarm);
    this.#context.renewals.touch(this.lease);
    waiter.grant(hold);
  }

  #setRenewal(): void {
    this.lease.autoRenew = this.#renewing > 0 || this.#entering || !this.lease.confirmed;
  }

  holdEnded(hold: Hold): ReleaseOutcome | Promise<ReleaseOutcome> {
    if (!this.#running.delete(hold)) return 'released';
    if (hold.options.renew) this.#renewing -= 1;
    this.#setRenewal();
    if (hold.minHold > 0) this.#keepUntil = Math.max(this.#keepUntil, hold.startedAt + hold.minHold);
    if (this.#running.size > 0 || this.#entering) return 'released';
    return this.#end();
  }

  leaseLost(reason: LockLossReason): void {
    const holds = [...this.#running.keys()];
    this.#running.clear();
    this.#entering = false;
    for (const hold of holds) hold.lose(reason);
    void this.#end();
  }

  leaseAlarmed(): void {
    const now = this.#context.clock.monotonic();
    for (const [hold, alarm] of [...this.#running]) {
      if (now < alarm) continue;
      if (now >= hold.limitAt) {
        hold.lose(hold.age >= hold.options.maxHold ? 'max-hold' : 'expired');
        void this.holdEnded(hold);
        continue;
      }
      if (now >= hold.startedAt + this.#context.longHold) hold.reportLong();
      this.#running.set(hold, hold.limitAt);
    }
    let next = Infinity;
    for (const alarm of this.#running.values()) next = Math.min(next, alarm);
    this.lease.alarmAt = next;
  }

  #end(): Promise<ReleaseOutcome> {
    if (this.#over === undefined) {
      this.#context.renewals.remove(this.lease);
      this.lease.listener = undefined;
      const releaseAfter = this.#keepUntil - this.#context.clock.monotonic();
      this.#over = this.#owner.batchEnded(this.lease, Math.max(0, releaseAfter));
    }
    return this.#over;
  }
}
