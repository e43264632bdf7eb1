/** Owner tokens: who holds, from which party, and a number that makes each of them unique for ever. */
import { randomBytes } from 'node:crypto';

/** Every token of ours begins so; a key's value that does not is a foreign client's. */
export const TOKEN_MARK = 'nl1:';

const SHAPE = /^nl1:([A-Za-z0-9_-]+):([0-9a-z]+):(\S*)$/;

/** A new party name: 96 random bits. */
export function newParty(): string {
  return randomBytes(12).toString('base64url');
}

/** Makes the tokens of one party: `nl1:<party>:<number>:<owner's label>`. */
export class TokenMint {
  readonly #suffix: string;
  #count = 0;

  constructor(
    readonly party: string,
    owner: string,
  ) {
    // No spaces nor line ends: tokens are parts of messages.
    this.#suffix = encodeURIComponent(owner);
  }

  next(): string {
    this.#count += 1;
    return `${TOKEN_MARK}${this.party}:${this.#count.toString(36)}:${this.#suffix}`;
  }
}

/** The party a token belongs to, or undefined for a foreign value. */
export function partyOf(token: string): string | undefined {
  return SHAPE.exec(token)?.[1];
}

/** The label of a token's owner, for people; undefined for a foreign value. */
export function ownerOf(token: string): string | undefined {
  const suffix = SHAPE.exec(token)?.[3];
  try {
    return suffix === undefined ? undefined : decodeURIComponent(suffix);
  } catch {
    return undefined; // it looks like ours, and is not
  }
}
