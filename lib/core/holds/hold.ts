/** One caller's turn under a lease. */
import { LockLostError, type LockLossReason } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
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
  /** How long its caller waited, in ms. */
  readonly waited: number;
  /** When it starts, on the monotonic clock. */
  readonly startedAt: number;
  readonly owner: HoldOwner;
}

/** The batch that a hold belongs to. */
export interface HoldOwner {
  /** The caller is done with the hold. Answers at once if the lease goes on. */
  holdEnded(hold: Hold): ReleaseOutcome | Promise<ReleaseOutcome>;
}

/** A handle or a nested hold, which learns of the end of a hold. */
export interface HoldListener {
  holdLost(error: LockLostError): void;
  /** Told to nested holds alone: the outer call has released the hold. */
  holdReleased?(): void;
}

/** Runs from its making until `release` or `lose`, whichever is first; after a loss, `release` still settles it. */
export class Hold implements ActiveHold {
  readonly fence: number;
  /** The fence that its caller uses: a higher one than its own where keys of one counter were taken together. */
  usedFence: number;
  readonly options: ResolvedAcquire;
  readonly waited: number;
  readonly startedAt: number;
  /** When it ends by itself (`maxHold`, or the ttl under `renew: false`), on the monotonic clock. */
  limitAt: number;
  /** When the batch looks after the hold, on the monotonic clock: its limit, or the report of a long hold. */
  alarmAt: number;
  listener: HoldListener | undefined;
  /** None for nearly all. */
  nested: LinkedList<HoldListener> | undefined;
  /** Where it was taken, if that was recorded. */
  site: CallSite | undefined;

  readonly #context: EngineContext;
  readonly #lease: Lease;
  readonly #owner: HoldOwner;
  readonly #node: ListNode<ActiveHold>;
  #lost: LockLostError | undefined;
  #release: Promise<boolean> | undefined;
  #unused = false;
  #reported = false;
  /** How long others are to be kept out from its start, in ms. */
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

  /** How long others are to be kept out from its start, in ms. */
  get minHold(): number {
    return this.#unused ? 0 : this.#minHold;
  }

  /** Keeps others out for at least so long from now, in ms. */
  extendMinHold(ms: number): void {
    this.#minHold = Math.max(this.#minHold, this.age + ms);
  }

  /** Itself; of a share in a hold, the hold. */
  get root(): Hold {
    return this;
  }

  isOf(context: EngineContext): boolean {
    return this.#context === context;
  }

  /** How long it has run, in ms. */
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

  /** Why the clocks say it is over, whether or not a timer has said so yet. Nothing while the lease is in doubt. */
  get pendingLoss(): LockLossReason | undefined {
    if (this.#lease.lost !== undefined) return this.#lease.lost;
    if (this.#lease.remaining === 0 && !this.#lease.inDoubt) return 'expired';
    if (this.limitAt === Infinity) return undefined;
    if (this.#context.clock.monotonic() < this.limitAt) return undefined;
    return this.age >= this.options.maxHold ? 'max-hold' : 'expired';
  }

  /** Is its lease's time over, and the reply to a renewal not read yet? Nothing is known then until the sockets were read. */
  get inDoubt(): boolean {
    return (
      !this.released && this.#lost === undefined && this.pendingLoss === undefined && this.#lease.inDoubt
    );
  }

  /** Resolves once it is held for sure, or lost. */
  async settled(): Promise<void> {
    if (this.inDoubt) await this.#lease.settled();
  }

  /** Loses it if the clocks say that it is over. */
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

  /** Loses the hold at its limit, and reports a long hold. @returns `'over'` once the limit has come. */
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

  /** It has been held for long: says so once, with where it was taken. */
  #reportLong(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#context.events.emit('long-hold', () => ({
      name: 'long-hold',
      ...this.#facts(),
      site: this.site?.stack,
    }));
  }

  /** @throws LockStoreError, and LockLostError when the store names another owner. */
  async extend(ttl: number): Promise<void> {
    await this.#lease.extend(ttl);
    this.loseIfOver();
    if (this.#lost !== undefined) throw this.#lost;
    if (!this.options.renew) {
      const { maxHold } = this.options;
      this.limitAt = Math.min(
        this.startedAt + maxHold,
        Math.max(this.limitAt, this.#context.clock.monotonic() + ttl),
      );
    }
  }

  /** Resolves to whether it was still ours. Idempotent; never rejects. */
  release(): Promise<boolean> {
    this.#release ??= this.#finish();
    return this.#release;
  }

  /** Gives it back before its caller had it: without its minimum hold. */
  releaseUnused(): Promise<boolean> {
    this.#unused = true;
    return this.release();
  }

  #finish(): Promise<boolean> {
    if (this.pendingLoss === undefined && this.#lease.inDoubt)
      return this.#lease.settled().then(() => this.#giveBack());
    return this.#giveBack();
  }

  #giveBack(): Promise<boolean> {
    const pendingLoss = this.pendingLoss;
    if (pendingLoss !== undefined) this.lose(pendingLoss);
    if (this.nested !== undefined) for (const nested of [...this.nested]) nested.holdReleased?.();
    const outcome = this.#owner.holdEnded(this);
    // Whoever is told of it may come back here: it is to count as released by then.
    if (typeof outcome === 'string' && !observed('release')) return Promise.resolve(this.#ended(outcome));
    return Promise.resolve(outcome).then((settled) => this.#ended(settled));
  }

  #ended(outcome: ReleaseOutcome): boolean {
    if (outcome === 'lost') this.lose('not-owner');
    this.#context.holds.ended(this.#node);
    this.#context.events.emit('release', () => ({ name: 'release', ...this.#facts() }));
    // Not known is no sign that somebody else had it: its lease had not ended when it was given back.
    return this.#lost === undefined;
  }

  #facts(): { key: string; held: number; fence: number } {
    return { key: this.key, held: this.age, fence: this.fence };
  }
}
