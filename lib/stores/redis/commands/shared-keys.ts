/** Which commands declare the set of a key's holders. Each key that a command declares costs time at the server. */
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';
import { TOKEN_MARK } from '../../../core/contracts/token.js';
import type { KeyNames } from '../naming/key-names.js';

/** At least this many keys are remembered, and at most twice as many. */
const LEAST_KEYS = 5_000;

/**
 * A release always declares the set: readers may wait for the key. If a release had to be sent again with the set, it
 * would be lost with its first reply. A request with the token of a shared lock or of a semaphore always declares the
 * set as well. A request with an exclusive token declares the set for remembered keys only: this session has used other
 * tokens there, or a script has required the set.
 */
export class SharedKeys {
  readonly #names: KeyNames;
  /** There are two generations. The older generation is forgotten as a whole. */
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(names: KeyNames) {
    this.#names = names;
  }

  /** The name of the set of holders, if the command declares the set. */
  holdersFor({ key, release, acquire: request }: ExchangeRequest): string | undefined {
    if (request !== undefined && !isExclusive(request.token)) this.add(key);
    else if (release === undefined && !this.#has(key)) return undefined;
    return this.#names.holdersOf(key);
  }

  /** Several tokens hold the key, or may hold it soon. */
  add(key: string): void {
    if (this.#young.has(key)) return;
    if (this.#young.size >= LEAST_KEYS) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(key);
  }

  #has(key: string): boolean {
    return (this.#young.size > 0 && this.#young.has(key)) || (this.#old.size > 0 && this.#old.has(key));
  }
}

/**
 * Whether the token is exclusive. Does not use the pattern that parses a whole token, because each command needs this.
 */
export function isExclusive(token: string): boolean {
  const number = token.indexOf(':', TOKEN_MARK.length) + 1;
  const mark = token.indexOf('-', number);
  return mark < 0 || mark > token.indexOf(':', number);
}
