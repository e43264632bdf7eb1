/** One process's ownership of a key in the store: how long it surely lasts, its renewal, its loss. */
import type { LockLossReason, LockStoreError } from '../../errors/index.js';
import { Deadline } from '../time/deadline.js';
import type { Renewable } from '../runtime/renewal-timer.js';
import type { ListNode } from '../util/linked-list.js';
import { runOutside } from '../time/outside.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { RenewReply } from '../contracts/store.contract.js';

/** A renewal that failed is tried again after a twentieth of the ttl or a quarter of its rest, within these bounds, in ms. */
const RETRY = { least: 20, most: 1000 };

export interface LeaseSettings {
  readonly context: EngineContext;
  readonly key: string;
  readonly token: string;
  /** In ms. */
  readonly ttl: number;
  /**
   * Until when it is surely ours: counted from before the command that set it was sent. Undefined for an offer that is
   * too old to start on: it counts for nothing before its confirmation.
   */
  readonly deadline: Deadline | undefined;
  /** An offer is not confirmed before its first renewal. */
  readonly confirmed: boolean;
}

/** Whom a lease serves. */
export interface LeaseListener {
  leaseLost(reason: LockLossReason): void;
  leaseAlarmed(): void;
}

/**
 * States: held (until the deadline, which only a confirmed renewal moves) → in doubt ⇄ held → lost, which is final.
 *
 * In doubt: the deadline has passed, a renewal was sent before, and its reply may lie unread in the socket, as after a long
 * computation. `remaining` is 0 then, and nothing else has changed. A positive reply makes the lease good again: the
 * store has found our token at the key, so nobody else had it in between. The timer of the deadline settles the doubt.
 * It comes once everything was read that had arrived by then.
 */
export class Lease implements Renewable {
  readonly key: string;
  readonly token: string;
  readonly ttl: number;
  /** Where the renewal timer has it. */
  node: ListNode<Renewable> | undefined;
  /** Does the renewal timer renew it? Not during a hold with `renew: false`. */
  autoRenew = true;
  /** Who is told of its loss, once, and of its alarm. */
  listener: LeaseListener | undefined;
  /** When to tell the tenant, on the monotonic clock. */
  alarmAt = Infinity;
  /** When it was made, on the monotonic clock. */
  readonly since: number;

  readonly #context: EngineContext;
  #deadline: Deadline | undefined;
  #renewAt: number;
  #renewing = 0;
  /** The latest end that a renewal under way would give the lease. */
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

  /** The time since the lease was made, in ms. */
  get age(): number {
    return this.#context.clock.monotonic() - this.since;
  }

  get remaining(): number {
    return this.#lost === undefined && this.#deadline !== undefined ? this.#deadline.remaining : 0;
  }

  /** Is the deadline over, and may a renewal that was sent before have been answered? See the states. */
  get inDoubt(): boolean {
    if (this.#lost !== undefined || this.#deadline?.passed !== true) return false;
    return this.#renewing > 0 && this.#promised?.passed === false;
  }

  /** Resolves once it is not in doubt any more: at once after the sockets were read. */
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
   * Makes the remaining time at least `ttl` and draws fences. Loses the lease when the store names another owner.
   * @throws LockStoreError when the store failed: the lease stands as it stood.
   */
  renew(ttl: number, fences = 0): Promise<RenewReply> {
    // It is for all whom the lease serves.
    return runOutside(() => this.extend(ttl, fences));
  }

  /** As {@link renew}, for the caller that requests it, and so in its async context. */
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
      if (!reply.held) this.lose('not-owner');
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
      // Often enough before it ends, too: an offer, or the rest of a lease, is shorter than its ttl.
      const soon = Math.min(this.ttl / 20, this.remaining / 4, RETRY.most);
      this.#renewAt = this.#context.clock.monotonic() + Math.max(soon, RETRY.least);
      throw error;
    } finally {
      this.#renewing -= 1;
      if (this.#renewing === 0) this.#promised = undefined;
      this.#context.renewals.touch(this);
    }
  }

  /** Ends it for its holder. Idempotent. */
  lose(reason: LockLossReason): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    this.listener?.leaseLost(reason);
  }

  #expireIfOver(readUntil: number): void {
    if (this.#deadline?.passedBy(readUntil) === true) this.lose('expired');
  }

  /** Renew at the next occasion: the store came back. */
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
    // A failure was reported, and has set the time to try again.
    if (this.autoRenew && this.#renewing === 0 && now >= this.#renewAt)
      this.renew(this.ttl).catch(() => undefined);
  }
}
