/** Which commands declare the set of a key's holders: each key that is declared costs time at the server. */
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';
import { TOKEN_MARK } from '../../../core/contracts/token.js';
import type { KeyNames } from '../naming/key-names.js';

/** So many keys are remembered at least, and twice as many at the most. */
const LEAST_KEYS = 5_000;

/**
 * Releasing declares the set always: readers may wait for the key, and a release that had to be sent again would be lost with
 * its first reply. So does requesting with a shared lock's token or a semaphore's. Requesting with an exclusive token does so for
 * keys that are known: this session has had such tokens there, or a script has requested the set.
 */
export class SharedKeys {
  readonly #names: KeyNames;
  /** Two generations, the older of which is forgotten at once. */
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(names: KeyNames) {
    this.#names = names;
  }

  /** The set of holders, for a command that declares it. */
  holdersFor({ key, release, acquire: request }: ExchangeRequest): string | undefined {
    if (request !== undefined && !isExclusive(request.token)) this.add(key);
    else if (release === undefined && !this.#has(key)) return undefined;
    return this.#names.holdersOf(key);
  }

  /** Several tokens hold the key, or are to hold it. */
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

/** Without the pattern that reads all of a token: this is requested every command. */
export function isExclusive(token: string): boolean {
  const number = token.indexOf(':', TOKEN_MARK.length) + 1;
  const mark = token.indexOf('-', number);
  return mark < 0 || mark > token.indexOf(':', number);
}
