/** One session's ownership of a key in the store: how long it lasts for certain, its renewal, and its loss. */
import type { LockLossReason, LockStoreError } from '../../errors/index.js';
import { Deadline } from '../time/deadline.js';
import type { Renewable } from '../runtime/renewal-timer.js';
import type { ListNode } from '../util/linked-list.js';
import { runOutside } from '../time/outside.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { RenewReply } from '../contracts/store.contract.js';

/**
 * A renewal that failed is tried again after a twentieth of the ttl, or after a quarter of the lease's rest, whichever is
 * shorter. The bounds are in ms.
 */
const RETRY = { least: 20, most: 1000 };

export interface LeaseSettings {
  readonly context: EngineContext;
  readonly key: string;
  readonly token: string;
  /** In ms. */
  readonly ttl: number;
  /**
   * Until when the lease lasts for certain. The time counts from before the command that set it was sent. Undefined for
   * an offer that is too old to start a hold: before its confirmation, no time is certain.
   */
  readonly deadline: Deadline | undefined;
  /** Whether the store has confirmed the lease. An offer is not confirmed before its first renewal. */
  readonly confirmed: boolean;
}

/** The batch that a lease serves. */
export interface LeaseListener {
  /** Called once. */
  leaseLost(reason: LockLossReason): void;
  /** The time `alarmAt` has come. */
  leaseAlarmed(): void;
}

/**
 * States: held, in doubt, lost. A lease is held until its deadline, which only a confirmed renewal moves. A lost lease
 * stays lost.
 *
 * A lease is in doubt if its deadline has passed, but a renewal was sent before. The reply may lie unread in the
 * socket, as after a long computation. `remaining` is 0 then, and nothing else has changed. A positive reply makes the
 * lease held again: the store found our token at the key, so no other token had the key in between. The timer of the
 * deadline ends the doubt. That timer fires once everything was read that had arrived by then.
 */
export class Lease implements Renewable {
  readonly key: string;
  readonly token: string;
  readonly ttl: number;
  /** The node in the list of the renewal timer. */
  node: ListNode<Renewable> | undefined;
  /** Whether the renewal timer renews the lease. `false` during a hold with `renew: false`. */
  autoRenew = true;
  listener: LeaseListener | undefined;
  /** When the listener's `leaseAlarmed` is called, on the monotonic clock. */
  alarmAt = Infinity;

  readonly #context: EngineContext;
  /** When the lease was made, on the monotonic clock. */
  readonly since: number;
  #deadline: Deadline | undefined;
  #renewAt: number;
  #renewing = 0;
  /** The latest end that a renewal under way could give the lease. */
  #promised: Deadline | undefined;
  #lost: LockLossReason | undefined;
  #confirmed: boolean;

  constructor(settings: LeaseSettings) {
    this.key = settings.key;
    this.token = settings.token;
    this.ttl = settings.ttl;
    this.#context = settings.context;
    this.#deadline = settings.deadline;
    this.#confirmed = settings.confirmed;
    this.since = this.#context.clock.monotonic();
    this.#renewAt = this.since + settings.ttl / 3;
  }

  get lost(): LockLossReason | undefined {
    return this.#lost;
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  get remaining(): number {
    return this.remainingAt(this.#context.clock.monotonic());
  }

  /** As {@link remaining}. @param now what the monotonic clock shows. */
  remainingAt(now: number): number {
    return this.#lost === undefined && this.#deadline !== undefined ? this.#deadline.remainingAt(now) : 0;
  }

  /**
   * Whether the deadline has passed, while a renewal that was sent before may have been answered. See the states above.
   */
  get inDoubt(): boolean {
    if (this.#renewing === 0 || this.#lost !== undefined || this.#deadline?.passed !== true) return false;
    return this.#promised?.passed === false;
  }

  /** Resolves once the lease is not in doubt any more, right after the sockets were read. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#context.clock.schedule((readUntil = this.#context.clock.monotonic()) => {
        this.#expireIfOver(readUntil);
        resolve();
      }, 0);
    });
  }

  get expiresAt(): Date {
    return this.#deadline?.date ?? new Date(this.#context.clock.wall());
  }

  /**
   * Makes the remaining time at least `ttl`, and draws fences. If the token does not hold the key any more, the lease is
   * lost.
   * @throws LockStoreError when the store failed. The lease is unchanged then.
   */
  renew(ttl: number, fences = 0): Promise<RenewReply> {
    // The renewal is for all callers of the lease.
    return runOutside(() => this.extend(ttl, fences));
  }

  /** As {@link renew}, in the async context of the caller that has called `extend`. */
  async extend(ttl: number, fences = 0): Promise<RenewReply> {
    const ends = Deadline.in(this.#context.clock, ttl);
    this.#renewing += 1;
    this.#promised = this.#promised === undefined ? ends : Deadline.later(this.#promised, ends);
    try {
      const reply = await this.#context.session.renew({
        key: this.key,
        token: this.token,
        ttl,
        fences,
      });
      if (!reply.held && this.#lost === undefined) this.lose(this.#context.revocations.lossOf(this));
      if (this.#lost !== undefined) return { held: false, fence: 0 };
      this.#deadline = this.#deadline === undefined ? ends : Deadline.later(this.#deadline, ends);
      if (this.#deadline.passed) {
        this.lose('expired');
        return { held: false, fence: 0 };
      }
      this.#confirmed = true;
      this.#renewAt =
        this.#context.clock.monotonic() + Math.max(0, this.#deadline.remaining - (this.ttl * 2) / 3);
      return reply;
    } catch (error) {
      this.#context.events.storeFailed(this.key, error as LockStoreError);
      // An offer, or the rest of a lease, is shorter than the ttl. There must be time for several tries before its end.
      const soon = Math.min(this.ttl / 20, this.remaining / 4, RETRY.most);
      this.#renewAt = this.#context.clock.monotonic() + Math.max(soon, RETRY.least);
      throw error;
    } finally {
      this.#renewing -= 1;
      if (this.#renewing === 0) this.#promised = undefined;
      this.#context.renewals.touch(this);
    }
  }

  /** Ends the lease for its holders. Idempotent. */
  lose(reason: LockLossReason): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    this.listener?.leaseLost(reason);
  }

  #expireIfOver(readUntil: number): void {
    if (this.#deadline?.passedBy(readUntil) === true) this.lose('expired');
  }

  /** A message may be forged, so the store decides. If the store fails, it has not said that the lease is held. */
  async heldAfterAll(): Promise<boolean> {
    return (await this.renew(this.ttl).catch(() => ({ held: false }))).held;
  }

  renewSoon(): void {
    this.#renewAt = this.#context.clock.monotonic();
    this.#context.renewals.touch(this);
  }

  dueAt(): number {
    if (this.#lost !== undefined || this.#deadline === undefined) return Infinity;
    const renewal = this.autoRenew && this.#renewing === 0 ? this.#renewAt : Infinity;
    return Math.min(this.#deadline.monotonic, renewal, this.alarmAt);
  }

  due(readUntil: number): void {
    this.#expireIfOver(readUntil);
    if (this.#lost !== undefined || this.#deadline === undefined) return;
    const now = this.#context.clock.monotonic();
    if (now >= this.alarmAt) this.listener?.leaseAlarmed();
    // `extend` has reported a failure, and has set the time of the next try.
    if (this.autoRenew && this.#renewing === 0 && now >= this.#renewAt)
      this.renew(this.ttl).catch(() => undefined);
  }
}
