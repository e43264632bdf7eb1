/** Tokens: each states its session and its owner's label, and a number that is never used again and hard to guess. */
import { randomBytes } from 'node:crypto';

/** The beginning of each token of this library. A key's value with another beginning belongs to a foreign client. */
export const TOKEN_MARK = 'nl1:';

const SHAPE = /^nl1:([A-Za-z0-9_-]+):([0-9a-z]+)(?:-(s|[1-9]\d*))?:(\S*)$/;

/** How many random hex digits each token has: 40 bits, which nobody can guess. */
const RANDOM_DIGITS = 10;

/**
 * For how many tokens random digits are made at once. Random digits for one token at a time would cost more than the rest
 * of the token.
 */
const TOKENS_AHEAD = 256;

/** A new session id: 96 random bits. */
export function newSessionId(): string {
  return randomBytes(12).toString('base64url');
}

/**
 * What the holder of a lock lets other callers do meanwhile. Exclusive and shared locks (writers and readers) may be
 * taken on one key. Semaphores may be taken only on keys of semaphores. The limits of semaphores may differ.
 */
export type LockKind = 'exclusive' | 'shared' | 'semaphore';

/** A kind with its limit: how many holders may have the key beside each other, this one included. */
export interface LockAccess {
  readonly kind: LockKind;
  /** 1 for an exclusive lock, `Infinity` for a shared lock, the given limit for a semaphore. */
  readonly limit: number;
}

export const EXCLUSIVE: LockAccess = Object.freeze({ kind: 'exclusive', limit: 1 });
export const SHARED: LockAccess = Object.freeze({ kind: 'shared', limit: Infinity });

/** Whether the two have one kind and one limit. */
export function sameAccess(a: LockAccess, b: LockAccess): boolean {
  return a === b || (a.kind === b.kind && a.limit === b.limit);
}

/** Whether locks of these two kinds may be taken on one key, at one time or another. */
export function compatibleKinds(a: LockKind, b: LockKind): boolean {
  return (a === 'semaphore') === (b === 'semaphore');
}

/**
 * Makes the tokens of one session: `nl1:<session id>:<number>:<owner's label>`. The number of a shared token ends in
 * `-s`, the number of a semaphore's token in `-<limit>`. So a store reads the kind from the token.
 *
 * The number has random digits. The session id is part of the name of the session's channel. Without random digits, a
 * client that may publish on that channel would know the next token, and could forge an offer for it.
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
    // Without spaces and line breaks, because tokens are parts of messages.
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

/** The access of a token. Undefined for a value of a foreign client, which shares its key with nobody. */
export function accessOf(token: string): LockAccess | undefined {
  const match = SHAPE.exec(token);
  if (match === null) return undefined;
  const mark = match[3];
  if (mark === undefined) return EXCLUSIVE;
  return mark === 's' ? SHARED : { kind: 'semaphore', limit: Number(mark) };
}

/** The session that a token belongs to. Undefined for a value of a foreign client. */
export function sessionIdOf(token: string): string | undefined {
  return SHAPE.exec(token)?.[1];
}

/** The label of a token's owner, for people to read. Undefined for a value of a foreign client. */
export function ownerOf(token: string): string | undefined {
  const suffix = SHAPE.exec(token)?.[4];
  try {
    return suffix === undefined ? undefined : decodeURIComponent(suffix);
  } catch {
    return undefined; // the value has the form of a token, and is none
  }
}
