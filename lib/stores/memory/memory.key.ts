/** One key of the memory store: the tokens that hold it, until when, and its queue. Knows no clock and no sessions. */
import type { KeyHolder, KeyWaiter } from '../../core/contracts/inspection.contract.js';
import type { Holder } from '../../core/contracts/store.contract.js';
import { EXCLUSIVE, type LockKind, type LockAccess, accessOf } from '../../core/contracts/token.js';

interface Held {
  readonly token: string;
  /** The token holds the key before this time of the store's clock, in ms. */
  until: number;
}

interface Waiting {
  readonly token: string;
  readonly queueScore: number;
}

export class MemoryKey {
  /** All holders have one kind: a holder excludes tokens of other kinds. */
  #holders: Held[] = [];
  /** In ascending order of `queueScore`. */
  readonly #queue: Waiting[] = [];
  /** The highest score of the queue, also of tokens that have left it. */
  #latestScore = 0;

  get unused(): boolean {
    return this.#holders.length === 0 && this.#queue.length === 0;
  }

  /** Removes the holders that have expired. */
  prune(now: number): void {
    this.#holders = this.#holders.filter(({ until }) => until > now);
  }

  // The holders.

  holds(token: string): boolean {
    return this.#held(token) !== undefined;
  }

  /** Whether the token can hold the key beside its present holders. */
  fits(token: string): boolean {
    const { kind, limit } = access(token);
    const holder = this.#holders[0];
    return this.#holders.length < limit && (holder === undefined || access(holder.token).kind === kind);
  }

  hold(token: string, until: number): void {
    this.#holders.push({ token, until });
  }

  /** Extends a holder's time. A later end stays as it is. */
  extend(token: string, until: number): void {
    const held = this.#held(token);
    if (held !== undefined) held.until = Math.max(held.until, until);
  }

  /**
   * @param keptUntil if given, the token remains a holder until this time, and no longer.
   * @returns whether the token was a holder.
   */
  release(token: string, keptUntil: number | undefined): boolean {
    const held = this.#held(token);
    if (held === undefined) return false;
    if (keptUntil === undefined) this.#holders.splice(this.#holders.indexOf(held), 1);
    else held.until = keptUntil;
    return true;
  }

  /**
   * The holder that a waiter waits for. Among readers this is the last to expire, because a writer waits for all of
   * them. Among the holders of a semaphore this is the first to expire.
   */
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

  /** The kind of the holders, or else of the queue, if the token's kind is incompatible with it. */
  otherKind(token: string): LockKind | undefined {
    const there = this.#holders[0] ?? this.#queue[0];
    if (there === undefined) return undefined;
    const { kind } = access(there.token);
    return (kind === 'semaphore') === (access(token).kind === 'semaphore') ? undefined : kind;
  }

  #held(token: string): Held | undefined {
    return this.#holders.find((each) => each.token === token);
  }

  /** The holders, in the order in which they got the key. */
  holders(now: number): KeyHolder[] {
    return this.#holders.map(({ token, until }) => ({ token, remaining: until - now }));
  }

  // The queue.

  /** The first token of the queue. */
  get head(): string | undefined {
    return this.#queue[0]?.token;
  }

  /** The first waiters. @param now in µs, as the scores are. */
  waiters(most: number, now: number): KeyWaiter[] {
    return this.#queue
      .slice(0, most)
      .map(({ token, queueScore }) => ({ token, waited: Math.max(0, now - queueScore) / 1000 }));
  }

  get length(): number {
    return this.#queue.length;
  }

  queueScore(token: string): { readonly queueScore: number; readonly first: boolean } | undefined {
    const index = this.#indexOf(token);
    const waiting = this.#queue[index];
    return waiting === undefined ? undefined : { queueScore: waiting.queueScore, first: index === 0 };
  }

  /**
   * A new token gets a score behind all others, also behind those that have left and may return. A token that returns to
   * the queue keeps its former score, and stands before a token with the same score.
   * @param former the token's score when it was in the queue before, in µs.
   */
  enqueue(token: string, former: number | undefined, now: number): void {
    const queueScore = former ?? Math.max(this.#latestScore + 1, now);
    this.#latestScore = Math.max(this.#latestScore, queueScore);
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
