/** What callers hold: one or several sections behind the face of a Lock. */
import {
  forCaller,
  LockLostError,
  LockNotHeldError,
  LockOptionsError,
  LockStoreError,
} from '../errors/index.js';
import { quotedList } from '../errors/quoted.js';
import { DURATION_HINT, type Duration, parseDuration } from './duration.js';
import type { Lock } from './lock.js';
import type { Party } from './party.js';
import type { Section, SectionHolder } from './section.js';
import { EXCLUSIVE, type Sharing } from './token.js';

/** What a handle needs of its sections. */
export type HandleSection = Pick<
  Section,
  | 'key'
  | 'token'
  | 'fence'
  | 'usedFence'
  | 'holder'
  | 'lost'
  | 'remaining'
  | 'expiresAt'
  | 'options'
  | 'root'
  | 'inDoubt'
  | 'age'
  | 'settleOverdue'
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
  readonly sharing: Sharing;
  /** The section that holds a key of its. */
  rootOf(key: string): Section | undefined;
  /** Aborts its signal, while it stays held: its work is to stop for another reason than a loss. */
  interrupt(reason: Error): void;
}

export class LockHandle implements HeldLock, SectionHolder {
  readonly keys: readonly string[];
  readonly #sections: readonly HandleSection[];
  readonly #counterOf: (key: string) => string;
  #abort: AbortController | undefined;
  #fences: ReadonlyMap<string, number> | undefined;
  #released: Promise<boolean> | undefined;

  /** @param counterOf names the counter that a key's fences come from. */
  constructor(sections: readonly HandleSection[], counterOf: (key: string) => string) {
    this.#sections = sections;
    this.#counterOf = counterOf;
    this.keys = sections.map((section) => section.key);
    for (const section of sections) section.holder = this;
    if (sections.length === 1) return;
    for (const section of sections) section.usedFence = this.fences.get(section.key) ?? 0;
  }

  get token(): string {
    return this.#sections.map((section) => section.token).join(' ');
  }

  /** One fence serves all keys of one counter: the highest, which was drawn when all of them were held. */
  get fences(): ReadonlyMap<string, number> {
    if (this.#fences === undefined) {
      const highest = new Map<string, number>();
      for (const { key, fence } of this.#sections) {
        const counter = this.#counterOf(key);
        highest.set(counter, Math.max(fence, highest.get(counter) ?? 0));
      }
      this.#fences = new Map(this.keys.map((key) => [key, highest.get(this.#counterOf(key)) ?? 0]));
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
    return this.#sections.reduce((least, section) => Math.min(least, section.remaining), Infinity);
  }

  get expiresAt(): Date {
    return this.#sections.map((section) => section.expiresAt).reduce((a, b) => (a < b ? a : b));
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.lost !== undefined) this.#abort.abort(this.lost);
    }
    return this.#abort.signal;
  }

  get lost(): LockLostError | undefined {
    return this.#sections.find((section) => section.lost !== undefined)?.lost;
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

  /** Did the engine with this party make it? */
  isOf(party: Party): boolean {
    return this.#sections[0]?.root.isOf(party) === true;
  }

  get sharing(): Sharing {
    return this.#sections[0]?.options.sharing ?? EXCLUSIVE;
  }

  rootOf(key: string): Section | undefined {
    return this.#sections.find((section) => section.key === key)?.root;
  }

  assertHeld(): void {
    this.#assertNotOver();
    const doubtful = this.#sections.find((section) => section.inDoubt);
    // Nothing is settled by it: the lock may turn out to be held once the sockets were read.
    if (doubtful !== undefined) throw new LockLostError(doubtful.key, 'unconfirmed', doubtful.age);
  }

  #assertNotOver(): void {
    for (const section of this.#sections) section.settleOverdue();
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
      await Promise.all(this.#sections.map((section) => section.extend(ms ?? section.options.ttl)));
    } catch (error) {
      throw forCaller(error);
    }
  }

  release(): Promise<boolean> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #releaseAll(): Promise<boolean> {
    const outcomes = await Promise.all(this.#sections.map((section) => section.release()));
    return outcomes.every((ours) => ours);
  }

  #release(): Promise<boolean> {
    const [only, ...others] = this.#sections;
    return only === undefined || others.length > 0 ? this.#releaseAll() : only.release();
  }

  sectionLost(error: LockLostError): void {
    this.#abort?.abort(error);
  }

  interrupt(reason: Error): void {
    // Read first: whoever asks for the signal later must find it aborted.
    if (!this.signal.aborted) this.#abort?.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
