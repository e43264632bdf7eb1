/** One caller's turn under a lease. */
import { LockLostError, type LockLossReason } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { CallSite } from './call-sites.js';
import type { Lease } from './lease.js';
import type { Party, ReleaseOutcome, RunningSection } from './party.js';

export interface SectionSettings {
  readonly party: Party;
  readonly lease: Lease;
  readonly fence: number;
  readonly options: ResolvedAcquire;
  /** How long its caller waited, in ms. */
  readonly waited: number;
  readonly end: (section: Section) => Promise<ReleaseOutcome>;
}

/** Runs from its making until `release` or `lose`, whichever is first; after a loss, `release` still settles it. */
export class Section implements RunningSection {
  readonly fence: number;
  /** The fence that its caller uses: a higher one than its own where keys of one counter were taken together. */
  usedFence: number;
  readonly options: ResolvedAcquire;
  readonly waited: number;
  readonly startedAt: number;
  /** When it ends by itself (`maxHold`, or the ttl under `renew: false`), on the monotonic clock. */
  limitAt: number;
  onLost: ((error: LockLostError) => void) | undefined;
  /** Where it was taken, if that was recorded. */
  site: CallSite | undefined;

  readonly #party: Party;
  readonly #lease: Lease;
  readonly #end: (section: Section) => Promise<ReleaseOutcome>;
  #lost: LockLostError | undefined;
  #release: Promise<ReleaseOutcome> | undefined;
  #unused = false;

  constructor(settings: SectionSettings) {
    this.#party = settings.party;
    this.#lease = settings.lease;
    this.#end = settings.end;
    this.fence = settings.fence;
    this.usedFence = settings.fence;
    this.options = settings.options;
    this.waited = settings.waited;
    this.startedAt = this.#party.clock.monotonic();
    const { maxHold, renew, ttl } = settings.options;
    this.limitAt = this.startedAt + Math.min(maxHold, renew ? Infinity : ttl);
    this.#party.sectionStarted(this);
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
    return this.#unused ? 0 : this.options.minHold;
  }

  /** How long it has run, in ms. */
  get age(): number {
    return this.#party.clock.monotonic() - this.startedAt;
  }

  get remaining(): number {
    if (this.#lost !== undefined || this.#release !== undefined) return 0;
    return Math.max(0, Math.min(this.#lease.remaining, this.limitAt - this.#party.clock.monotonic()));
  }

  get expiresAt(): Date {
    return this.#lease.expiresAt;
  }

  /** Why the clocks say it is over, whether or not a timer has said so yet. */
  get overdue(): LockLossReason | undefined {
    if (this.#lease.lost !== undefined) return this.#lease.lost;
    if (this.#lease.remaining === 0) return 'expired';
    if (this.#party.clock.monotonic() < this.limitAt) return undefined;
    return this.age >= this.options.maxHold ? 'max-hold' : 'expired';
  }

  /** Loses it if the clocks say that it is over. */
  settleOverdue(): void {
    const overdue = this.released ? undefined : this.overdue;
    if (overdue !== undefined) this.lose(overdue);
  }

  lose(reason: LockLossReason): void {
    if (this.#lost !== undefined) return;
    const error = new LockLostError(this.key, reason, this.age);
    this.#lost = error;
    this.#party.sectionEnded(this);
    this.#party.emit('lost', () => ({ name: 'lost', ...this.#facts(), reason, error }));
    this.onLost?.(error);
  }

  /** It has been held for long: says so once, with where it was taken. */
  reportLong(): void {
    this.#party.emit('long-hold', () => ({ name: 'long-hold', ...this.#facts(), site: this.site?.stack }));
  }

  /** @throws LockStoreError, and LockLostError when the store names another owner. */
  async extend(ttl: number): Promise<void> {
    await this.#lease.renew(ttl);
    this.settleOverdue();
    if (this.#lost !== undefined) throw this.#lost;
    if (!this.options.renew) {
      const { maxHold } = this.options;
      this.limitAt = Math.min(
        this.startedAt + maxHold,
        Math.max(this.limitAt, this.#party.clock.monotonic() + ttl),
      );
    }
  }

  /** Idempotent; never rejects. */
  release(): Promise<ReleaseOutcome> {
    this.#release ??= this.#finish();
    return this.#release;
  }

  /** Gives it back before its caller had it: without its minimum hold. */
  abandon(): Promise<ReleaseOutcome> {
    this.#unused = true;
    return this.release();
  }

  async #finish(): Promise<ReleaseOutcome> {
    const overdue = this.overdue;
    if (overdue !== undefined) this.lose(overdue);
    const outcome = await this.#end(this);
    if (outcome === 'lost') this.lose('not-owner');
    this.#party.sectionEnded(this);
    this.#party.emit('release', () => ({ name: 'release', ...this.#facts() }));
    return this.#lost === undefined ? outcome : 'lost';
  }

  #facts(): { key: string; held: number; fence: number } {
    return { key: this.key, held: this.age, fence: this.fence };
  }
}
