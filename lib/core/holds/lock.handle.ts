/** What callers hold: one or several holds behind the face of a Lock. */
import {
  forCaller,
  LockLostError,
  LockNotHeldError,
  LockOptionsError,
  LockStoreError,
} from '../../errors/index.js';
import { quotedList } from '../../errors/quoted.js';
import { DURATION_HINT, type Duration, parseDuration } from '../time/duration.js';
import type { Lock } from '../contracts/lock.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { Hold, HoldListener } from './hold.js';
import { EXCLUSIVE, type LockAccess } from '../contracts/token.js';

/** What a handle needs of its holds. */
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
  /** Set when it was lost while held, as far as is known by now; final once `release()` has resolved. */
  readonly lost: LockLostError | undefined;
  /** Has its release begun? */
  readonly released: boolean;
  /** Has it been given back by its own release? It holds nothing then, and never will. */
  readonly over: boolean;
  /** Those of its keys that it took itself. */
  readonly owned: readonly string[];
  /** How it shares those. */
  readonly access: LockAccess;
  /** The hold that holds a key of its. */
  rootOf(key: string): Hold | undefined;
  /** Aborts its signal, while it stays held: its work is to stop for another reason than a loss. */
  interrupt(reason: Error): void;
}

export class LockHandle implements HeldLock, HoldListener {
  readonly keys: readonly string[];
  readonly #holds: readonly HoldView[];
  readonly #fenceDomainOf: (key: string) => string;
  #abort: AbortController | undefined;
  #fences: ReadonlyMap<string, number> | undefined;
  #released: Promise<boolean> | undefined;

  /** @param counterOf names the counter that a key's fences come from. */
  constructor(holds: readonly HoldView[], fenceDomainOf: (key: string) => string) {
    this.#holds = holds;
    this.#fenceDomainOf = fenceDomainOf;
    this.keys = holds.map((hold) => hold.key);
    for (const hold of holds) hold.listener = this;
    if (holds.length === 1) return;
    for (const hold of holds) hold.usedFence = this.fences.get(hold.key) ?? 0;
  }

  get token(): string {
    return this.#holds.map((hold) => hold.token).join(' ');
  }

  /** One fence serves all keys of one counter: the highest, which was drawn when all of them were held. */
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
      `The keys ${quotedList(this.keys)} lie in several slots of the Cluster, whose fences ` +
        'cannot be compared with each other. Use "fences", by key, or give the keys a common {hash tag}.',
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

  /** Did the engine with this session make it? */
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
    // Nothing is settled by it: the lock may turn out to be held once the sockets were read.
    if (unsure !== undefined) throw new LockLostError(unsure.key, 'unconfirmed', unsure.age);
  }

  #assertNotOver(): void {
    for (const hold of this.#holds) hold.loseIfOver();
    if (this.lost !== undefined) throw forCaller(this.lost);
    if (this.released) throw new LockNotHeldError(this.keys[0]);
  }

  async extend(ttl?: Duration): Promise<void> {
    const ms = ttl === undefined ? undefined : parseDuration(ttl);
    if (ttl !== undefined && (ms === undefined || ms <= 0)) {
      throw new LockOptionsError('ttl', ttl, `extend(ttl) takes a duration above 0: ${DURATION_HINT}.`);
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
    const [only, ...others] = this.#holds;
    return only === undefined || others.length > 0 ? this.#releaseAll() : only.release();
  }

  holdLost(error: LockLostError): void {
    this.#abort?.abort(error);
  }

  interrupt(reason: Error): void {
    // Read first: whoever requests the signal later must find it aborted.
    if (!this.signal.aborted) this.#abort?.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
