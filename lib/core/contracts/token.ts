/** Owner tokens: who holds, from which session, and a number that makes each of them unique for ever, and hard to guess. */
import { randomBytes } from 'node:crypto';

/** Every token of ours begins so; a key's value that does not is a foreign client's. */
export const TOKEN_MARK = 'nl1:';

const SHAPE = /^nl1:([A-Za-z0-9_-]+):([0-9a-z]+)(?:-(s|[1-9]\d*))?:(\S*)$/;

/** Hex digits of each token that nobody can guess: 40 random bits. */
const RANDOM_DIGITS = 10;

/** Random digits for so many tokens are made at once: to make them one by one would cost more than the rest of a token. */
const TOKENS_AHEAD = 256;

/** A new session name: 96 random bits. */
export function newSessionId(): string {
  return randomBytes(12).toString('base64url');
}

/**
 * What a token's owner lets others do meanwhile. Exclusive and shared ones go together on one key (writers and readers);
 * semaphores go with semaphores only, whose limits may differ.
 */
export type LockKind = 'exclusive' | 'shared' | 'semaphore';

/** A token's kind, and how many may hold the key with it, itself included: 1, `Infinity` (readers), or the limit. */
export interface LockAccess {
  readonly kind: LockKind;
  readonly limit: number;
}

export const EXCLUSIVE: LockAccess = Object.freeze({ kind: 'exclusive', limit: 1 });
export const SHARED: LockAccess = Object.freeze({ kind: 'shared', limit: Infinity });

/** Are they of one kind, and of one limit? */
export function sameAccess(a: LockAccess, b: LockAccess): boolean {
  return a === b || (a.kind === b.kind && a.limit === b.limit);
}

/** May locks of these two kinds be taken on one key, at one time or another? */
export function compatibleKinds(a: LockKind, b: LockKind): boolean {
  return (a === 'semaphore') === (b === 'semaphore');
}

/**
 * Makes the tokens of one session: `nl1:<session>:<number>:<owner's label>`. Of a shared one the number ends in `-s`, of a
 * semaphore in `-<limit>`: a store can tell the kind from the token, as long as it knows the token.
 *
 * The number ends in random digits. A session's name is in the name of its channel, so a client that may publish there would
 * know the next token otherwise, and could forge an offer for it.
 */
export class TokenGenerator {
  readonly #suffix: string;
  #count = 0;
  #random = '';
  #used = 0;

  constructor(
    readonly sessionId: string,
    owner: string,
  ) {
    // No spaces nor line ends: tokens are parts of messages.
    this.#suffix = encodeURIComponent(owner);
  }

  next(access: LockAccess = EXCLUSIVE): string {
    this.#count += 1;
    const number = this.#count.toString(36) + this.#randomDigits();
    return `${TOKEN_MARK}${this.sessionId}:${number}${markOf(access)}:${this.#suffix}`;
  }

  #randomDigits(): string {
    if (this.#used >= this.#random.length) {
      this.#random = randomBytes((RANDOM_DIGITS / 2) * TOKENS_AHEAD).toString('hex');
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += RANDOM_DIGITS;
    return this.#random.slice(from, this.#used);
  }
}

function markOf({ kind, limit }: LockAccess): string {
  if (kind === 'exclusive') return '';
  return kind === 'shared' ? '-s' : `-${limit}`;
}

/** How a token shares its key; undefined for a foreign value, which shares with nobody. */
export function accessOf(token: string): LockAccess | undefined {
  const match = SHAPE.exec(token);
  if (match === null) return undefined;
  const mark = match[3];
  if (mark === undefined) return EXCLUSIVE;
  return mark === 's' ? SHARED : { kind: 'semaphore', limit: Number(mark) };
}

/** The session a token belongs to, or undefined for a foreign value. */
export function sessionIdOf(token: string): string | undefined {
  return SHAPE.exec(token)?.[1];
}

/** The label of a token's owner, for people; undefined for a foreign value. */
export function ownerOf(token: string): string | undefined {
  const suffix = SHAPE.exec(token)?.[4];
  try {
    return suffix === undefined ? undefined : decodeURIComponent(suffix);
  } catch {
    return undefined; // it checks like ours, and is not
  }
}
