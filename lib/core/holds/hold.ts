/** The time in which one caller has the key, under a lease. */
import { LockLostError, type LockLossReason } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import { type CallerFacts, callerFacts } from '../options/origin.js';
import type { CallSite } from '../deadlock/call-sites.js';
import { observed } from '../events/diagnostics.js';
import type { Lease } from '../leases/lease.js';
import type { LinkedList, ListNode } from '../util/linked-list.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ActiveHold } from '../runtime/hold-registry.js';
import type { ReleaseOutcome } from '../runtime/session-commands.js';

export interface HoldSettings {
  readonly context: EngineContext;
  readonly lease: Lease;
  readonly fence: number;
  readonly options: ResolvedAcquire;
  /** How long the caller waited, in ms. */
  readonly waited: number;
  /** When the hold starts, on the monotonic clock. */
  readonly startedAt: number;
  readonly owner: HoldOwner;
}

/** The batch that a hold belongs to. */
export interface HoldOwner {
  /** The hold has ended. Returns the outcome at once if the lease goes on. */
  holdEnded(hold: Hold): ReleaseOutcome | Promise<ReleaseOutcome>;
}

/** A handle or a nested hold, which is told about the end of a hold. */
export interface HoldListener {
  holdLost(error: LockLostError): void;
  /** Called for nested holds alone: the outer call has released the hold. */
  holdReleased?(): void;
}

/** Runs from its construction until `release` or `lose`. After a loss, `release` still ends the hold for its batch. */
export class Hold implements ActiveHold {
  readonly fence: number;
  /**
   * The fence that the caller uses. It is higher than `fence` if several keys of one fence domain were taken together.
   */
  usedFence: number;
  readonly options: ResolvedAcquire;
  readonly waited: number;
  readonly startedAt: number;
  /** When the hold ends by itself, on the monotonic clock: at `maxHold`, or with `renew: false` at the ttl. */
  limitAt: number;
  /** When the batch calls `alarm`, on the monotonic clock: at the limit, or when the hold is reported as long. */
  alarmAt: number;
  listener: HoldListener | undefined;
  /** The nested holds. Undefined for nearly all holds. */
  nested: LinkedList<HoldListener> | undefined;
  /** Where the lock was taken, if that was recorded. */
  site: CallSite | undefined;

  readonly #context: EngineContext;
  readonly #lease: Lease;
  readonly #owner: HoldOwner;
  readonly #node: ListNode<ActiveHold>;
  #lost: LockLostError | undefined;
  #release: Promise<boolean> | undefined;
  #unused = false;
  #reported = false;
  /** The minimum hold: for how long the key stays busy from the start of the hold, in ms. */
  #minHold: number;

  constructor(settings: HoldSettings) {
    this.#context = settings.context;
    this.#lease = settings.lease;
    this.#owner = settings.owner;
    this.fence = settings.fence;
    this.usedFence = settings.fence;
    this.options = settings.options;
    this.waited = settings.waited;
    this.startedAt = settings.startedAt;
    this.#minHold = settings.options.minHold;
    const { maxHold, renew, ttl } = settings.options;
    this.limitAt = this.startedAt + Math.min(maxHold, renew ? Infinity : ttl);
    this.alarmAt = Math.min(this.limitAt, this.startedAt + this.#context.longHold);
    this.#node = this.#context.holds.started(this);
  }

  get key(): string {
    return this.#lease.key;
  }

  get token(): string {
    return this.#lease.token;
  }

  get lost(): LockLostError | undefined {
    return this.#lost;
  }

  get released(): boolean {
    return this.#release !== undefined;
  }

  /** For how long the key stays busy from the start of the hold, in ms. */
  get minHold(): number {
    return this.#unused ? 0 : this.#minHold;
  }

  /** Makes the minimum hold last for at least `ms` from now. */
  extendMinHold(ms: number): void {
    this.#minHold = Math.max(this.#minHold, this.age + ms);
  }

  /** The hold itself. A nested hold returns the hold that it has joined. */
  get root(): Hold {
    return this;
  }

  isOf(context: EngineContext): boolean {
    return this.#context === context;
  }

  /** How long the hold has run, in ms. */
  get age(): number {
    return this.#context.clock.monotonic() - this.startedAt;
  }

  get remaining(): number {
    if (this.#lost !== undefined || this.#release !== undefined) return 0;
    return Math.max(0, Math.min(this.#lease.remaining, this.limitAt - this.#context.clock.monotonic()));
  }

  get expiresAt(): Date {
    return this.#lease.expiresAt;
  }

  /** Why the hold is over by the clocks, even if no timer has fired yet. Undefined while the lease is in doubt. */
  get pendingLoss(): LockLossReason | undefined {
    if (this.#lease.lost !== undefined) return this.#lease.lost;
    const now = this.#context.clock.monotonic();
    if (this.#lease.remainingAt(now) === 0 && !this.#lease.inDoubt) return 'expired';
    if (now < this.limitAt) return undefined;
    return this.age >= this.options.maxHold ? 'max-hold' : 'expired';
  }

  /** Whether the lease is in doubt, so that it is not known yet whether the hold is lost. See {@link Lease}. */
  get inDoubt(): boolean {
    return (
      !this.released && this.#lost === undefined && this.pendingLoss === undefined && this.#lease.inDoubt
    );
  }

  /** Resolves once the hold is certainly held, or lost. */
  async settled(): Promise<void> {
    if (this.inDoubt) await this.#lease.settled();
  }

  /** Loses the hold if it is over by the clocks. */
  loseIfOver(): void {
    const pendingLoss = this.released ? undefined : this.pendingLoss;
    if (pendingLoss !== undefined) this.lose(pendingLoss);
  }

  lose(reason: LockLossReason): void {
    if (this.#lost !== undefined) return;
    const error = new LockLostError(this.key, reason, this.age);
    this.#lost = error;
    this.#context.holds.ended(this.#node);
    this.#context.events.emit('lost', () => ({ name: 'lost', ...this.#facts(), reason, error }));
    this.listener?.holdLost(error);
    if (this.nested !== undefined) for (const nested of [...this.nested]) nested.holdLost(error);
  }

  /** Loses the hold at its limit, and reports a long hold. @returns `'over'` if the limit has come. */
  alarm(now: number): 'over' | 'running' {
    if (now < this.alarmAt) return 'running';
    if (now >= this.limitAt) {
      this.lose(this.age >= this.options.maxHold ? 'max-hold' : 'expired');
      return 'over';
    }
    if (now >= this.startedAt + this.#context.longHold) this.#reportLong();
    this.alarmAt = this.limitAt;
    return 'running';
  }

  /** Reports a long hold, once, with the place where the lock was taken. */
  #reportLong(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#context.events.emit('long-hold', () => ({
      name: 'long-hold',
      ...this.#facts(),
      site: this.site?.stack,
    }));
  }

  /**
   * @throws LockStoreError when the store failed.
   * @throws LockLostError when the token does not hold the key any more.
   */
  async extend(ttl: number): Promise<void> {
    await this.#lease.extend(ttl);
    this.loseIfOver();
    if (this.#lost !== undefined) throw this.#lost;
    if (!this.options.renew) {
      this.limitAt = Math.min(
        this.startedAt + this.options.maxHold,
        Math.max(this.limitAt, this.#context.clock.monotonic() + ttl),
      );
    }
  }

  /** Resolves to whether the hold was not lost. Idempotent; never rejects. */
  release(): Promise<boolean> {
    this.#release ??= this.#finish();
    return this.#release;
  }

  /** Releases a hold that its caller has never got: without a minimum hold. */
  releaseUnused(): Promise<boolean> {
    this.#unused = true;
    return this.release();
  }

  #finish(): Promise<boolean> {
    const pendingLoss = this.pendingLoss;
    if (pendingLoss === undefined && this.#lease.inDoubt)
      return this.#lease.settled().then(() => this.#endHold(this.pendingLoss));
    return this.#endHold(pendingLoss);
  }

  #endHold(pendingLoss: LockLossReason | undefined): Promise<boolean> {
    if (pendingLoss !== undefined) this.lose(pendingLoss);
    if (this.nested !== undefined) for (const nested of [...this.nested]) nested.holdReleased?.();
    const outcome = this.#owner.holdEnded(this);
    // A subscriber of the event may call `release` again. The hold must count as released by then.
    if (typeof outcome === 'string' && !observed('release')) return Promise.resolve(this.#ended(outcome));
    return Promise.resolve(outcome).then((settled) => this.#ended(settled));
  }

  #ended(outcome: ReleaseOutcome): boolean {
    if (outcome === 'lost') this.lose(this.#lost?.reason ?? this.#context.revocations.lossOf(this));
    this.#context.holds.ended(this.#node);
    if (observed('release'))
      this.#context.events.emit('release', () => ({ name: 'release', ...this.#facts() }));
    // An unknown outcome does not mean that another caller had the key: the lease had not ended at the release.
    return this.#lost === undefined;
  }

  #facts(): CallerFacts & { key: string; held: number; fence: number } {
    return { key: this.key, held: this.age, fence: this.fence, ...callerFacts(this.options) };
  }
}
