/** One key of the memory store: who holds it until when, and who queues for it. Knows no clock and no sessions. */
import type { Holder } from '../../core/contracts/store.contract.js';
import { EXCLUSIVE, type LockKind, type LockAccess, accessOf } from '../../core/contracts/token.js';

interface Held {
  readonly token: string;
  /** On the store's clock, in ms; it counts only before it. */
  until: number;
}

interface Waiting {
  readonly token: string;
  readonly queueScore: number;
}

export class MemoryKey {
  /** All of one kind: whoever holds a key keeps the other kinds out. */
  #holders: Held[] = [];
  /** In the order of their places. */
  readonly #queue: Waiting[] = [];

  get unused(): boolean {
    return this.#holders.length === 0 && this.#queue.length === 0;
  }

  /** Forgets the holders whose time is over. */
  prune(now: number): void {
    this.#holders = this.#holders.filter(({ until }) => until > now);
  }

  // The holders.

  holds(token: string): boolean {
    return this.#held(token) !== undefined;
  }

  /** Does it go with those who hold the key, and is there room for one more? */
  fits(token: string): boolean {
    const { kind, limit } = access(token);
    const holder = this.#holders[0];
    return this.#holders.length < limit && (holder === undefined || access(holder.token).kind === kind);
  }

  hold(token: string, until: number): void {
    this.#holders.push({ token, until });
  }

  /** Never shortens it. */
  extend(token: string, until: number): void {
    const held = this.#held(token);
    if (held !== undefined) held.until = Math.max(held.until, until);
  }

  /**
   * @param keptUntil keeps the token as a holder until then, and no longer.
   * @returns whether it was one.
   */
  release(token: string, keptUntil: number | undefined): boolean {
    const held = this.#held(token);
    if (held === undefined) return false;
    if (keptUntil === undefined) this.#holders.splice(this.#holders.indexOf(held), 1);
    else held.until = keptUntil;
    return true;
  }

  /** The holder to wait for: of readers the last, as a writer needs them all gone; of a semaphore's the first. */
  holder(now: number): Holder {
    const [first, ...others] = this.#holders;
    if (first === undefined) return { holder: '', remaining: 0 };
    const sign = access(first.token).kind === 'shared' ? 1 : -1;
    const { token, until } = others.reduce(
      (best, each) => (sign * (each.until - best.until) > 0 ? each : best),
      first,
    );
    return { holder: token, remaining: until - now };
  }

  /** The kind that is there, where the token's does not go with it. Who holds the key counts before who queues. */
  otherKind(token: string): LockKind | undefined {
    const there = this.#holders[0] ?? this.#queue[0];
    if (there === undefined) return undefined;
    const { kind } = access(there.token);
    return (kind === 'semaphore') === (access(token).kind === 'semaphore') ? undefined : kind;
  }

  #held(token: string): Held | undefined {
    return this.#holders.find((each) => each.token === token);
  }

  // The queue.

  /** The token of the first. */
  get head(): string | undefined {
    return this.#queue[0]?.token;
  }

  get length(): number {
    return this.#queue.length;
  }

  queueScore(token: string): { readonly queueScore: number; readonly first: boolean } | undefined {
    const index = this.#indexOf(token);
    const waiting = this.#queue[index];
    return waiting === undefined ? undefined : { queueScore: waiting.queueScore, first: index === 0 };
  }

  /** A new place is behind all others; one that is taken back is where it was, before one of the same microsecond. */
  enqueue(token: string, former: number | undefined, now: number): void {
    const queueScore = former ?? Math.max((this.#queue.at(-1)?.queueScore ?? 0) + 1, now);
    const index = this.#queue.findIndex((waiting) => waiting.queueScore >= queueScore);
    this.#queue.splice(index < 0 ? this.#queue.length : index, 0, { token, queueScore });
  }

  leave(token: string): void {
    const index = this.#indexOf(token);
    if (index >= 0) this.#queue.splice(index, 1);
  }

  #indexOf(token: string): number {
    return this.#queue.findIndex((waiting) => waiting.token === token);
  }
}

function access(token: string): LockAccess {
  return accessOf(token) ?? EXCLUSIVE;
}
