/** The lock that a caller gets: one or several holds, as one `Lock`. */
import {
  forCaller,
  LockLostError,
  LockNotHeldError,
  LockOptionsError,
  LockStoreError,
} from '../../errors/index.js';
import { quoted, quotedList } from '../../errors/quoted.js';
import { DURATION_HINT, type Duration, parseDuration } from '../time/duration.js';
import type { Lock } from '../contracts/lock.js';
import { durationProblem } from '../options/option-checks.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { Hold, HoldListener } from './hold.js';
import { EXCLUSIVE, type LockAccess } from '../contracts/token.js';

/** The part of a hold that a handle needs. */
export type HoldView = Pick<
  Hold,
  | 'key'
  | 'token'
  | 'fence'
  | 'usedFence'
  | 'listener'
  | 'lost'
  | 'remaining'
  | 'expiresAt'
  | 'options'
  | 'root'
  | 'inDoubt'
  | 'age'
  | 'loseIfOver'
  | 'extend'
  | 'release'
>;

/** A lock as the service sees it. */
export interface HeldLock extends Lock {
  /** The loss of the lock, if one is known by now. Final once `release()` has resolved. */
  readonly lost: LockLostError | undefined;
  /** Whether the release of the lock has begun. A nested lock is also released with the outer lock. */
  readonly released: boolean;
  /** Whether the lock's own `release` was called. The lock then holds no key, and never will. */
  readonly over: boolean;
  /** The keys that the lock took itself. Joined keys are not among them. */
  readonly owned: readonly string[];
  /** The access by which the lock took those keys. */
  readonly access: LockAccess;
  /** The hold of one of the lock's keys. For a joined key, the hold that was joined. */
  rootOf(key: string): Hold | undefined;
  /** Aborts the signal while the lock stays held, because the work must stop for another reason than a loss. */
  interrupt(reason: Error): void;
}

export class LockHandle implements HeldLock, HoldListener {
  readonly keys: readonly string[];
  readonly #holds: readonly HoldView[];
  readonly #fenceDomainOf: (key: string) => string;
  #abort: AbortController | undefined;
  #fences: ReadonlyMap<string, number> | undefined;
  #released: Promise<boolean> | undefined;

  /** @param fenceDomainOf names the fence domain of a key. */
  constructor(holds: readonly HoldView[], fenceDomainOf: (key: string) => string) {
    this.#holds = holds;
    this.#fenceDomainOf = fenceDomainOf;
    const [only] = holds;
    if (only !== undefined && holds.length === 1) {
      this.keys = [only.key];
      only.listener = this;
      return;
    }
    this.keys = holds.map((hold) => hold.key);
    for (const hold of holds) hold.listener = this;
    for (const hold of holds) hold.usedFence = this.fences.get(hold.key) ?? 0;
  }

  get token(): string {
    return this.#holds.map((hold) => hold.token).join(' ');
  }

  /** All keys of one fence domain have one fence: the highest, which was drawn when all these keys were held. */
  get fences(): ReadonlyMap<string, number> {
    if (this.#fences === undefined) {
      const highest = new Map<string, number>();
      for (const { key, fence } of this.#holds) {
        const fenceDomain = this.#fenceDomainOf(key);
        highest.set(fenceDomain, Math.max(fence, highest.get(fenceDomain) ?? 0));
      }
      this.#fences = new Map(this.keys.map((key) => [key, highest.get(this.#fenceDomainOf(key)) ?? 0]));
    }
    return this.#fences;
  }

  get fence(): number {
    const [fence, ...others] = new Set(this.fences.values());
    if (fence === undefined || others.length > 0) throw this.fencesDiffer();
    return fence;
  }

  protected fencesDiffer(): Error {
    return new LockStoreError(
      `The keys ${quotedList(this.keys)} lie in several slots of the Cluster. Fences of different slots cannot be ` +
        'compared with each other. Use "fences", by key, or give the keys a common {hash tag}.',
    );
  }

  get held(): boolean {
    return this.remaining > 0;
  }

  get remaining(): number {
    return this.#holds.reduce((least, hold) => Math.min(least, hold.remaining), Infinity);
  }

  get expiresAt(): Date {
    return this.#holds.map((hold) => hold.expiresAt).reduce((a, b) => (a < b ? a : b));
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.lost !== undefined) this.#abort.abort(this.lost);
    }
    return this.#abort.signal;
  }

  get lost(): LockLostError | undefined {
    return this.#holds.find((hold) => hold.lost !== undefined)?.lost;
  }

  get released(): boolean {
    return this.#released !== undefined;
  }

  get over(): boolean {
    return this.#released !== undefined;
  }

  get owned(): readonly string[] {
    return this.keys;
  }

  /** Whether the engine with this context made the lock. */
  isOf(context: EngineContext): boolean {
    return this.#holds[0]?.root.isOf(context) === true;
  }

  get access(): LockAccess {
    return this.#holds[0]?.options.access ?? EXCLUSIVE;
  }

  rootOf(key: string): Hold | undefined {
    return this.#holds.find((hold) => hold.key === key)?.root;
  }

  assertHeld(): void {
    this.#assertNotOver();
    const unsure = this.#holds.find((hold) => hold.inDoubt);
    // The error does not end the lock. Once the sockets were read, the lock may be held.
    if (unsure !== undefined) throw new LockLostError(unsure.key, 'unconfirmed', unsure.age);
  }

  #assertNotOver(): void {
    for (const hold of this.#holds) hold.loseIfOver();
    if (this.lost !== undefined) throw forCaller(this.lost);
    if (!this.released) return;
    const [key] = this.keys;
    throw new LockNotHeldError(
      key,
      `The lock ${quoted(key ?? '')} was released already. Call this before its release.`,
    );
  }

  async extend(ttl?: Duration): Promise<void> {
    const ms = ttl === undefined ? undefined : parseDuration(ttl);
    if (ttl !== undefined && (ms === undefined || ms <= 0)) {
      const problem = ms === 0 ? 'is 0' : durationProblem(ttl);
      throw new LockOptionsError(
        'ttl',
        ttl,
        `The ttl of extend(ttl) ${problem}; it must be a duration above 0: ${DURATION_HINT}.`,
      );
    }
    this.#assertNotOver();
    try {
      await Promise.all(this.#holds.map((hold) => hold.extend(ms ?? hold.options.ttl)));
    } catch (error) {
      throw forCaller(error);
    }
  }

  release(): Promise<boolean> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #releaseAll(): Promise<boolean> {
    const outcomes = await Promise.all(this.#holds.map((hold) => hold.release()));
    return outcomes.every((ours) => ours);
  }

  #release(): Promise<boolean> {
    const only = this.#holds.length === 1 ? this.#holds[0] : undefined;
    return only === undefined ? this.#releaseAll() : only.release();
  }

  holdLost(error: LockLostError): void {
    this.#abort?.abort(error);
  }

  interrupt(reason: Error): void {
    // The getter makes the signal. A caller that reads the signal later must find it aborted.
    if (!this.signal.aborted) this.#abort?.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
