/** Which keys several tokens have held: an exclusive request for such a key declares the set of holders. */
import { TOKEN_MARK } from '../../../core/contracts/token.js';

/** So many keys are remembered at least, and twice as many at the most. */
const LEAST_KEYS = 5_000;

/**
 * Each key that a command declares costs time at the server. So an exclusive request, the most common one, declares the set of
 * holders for these keys only: this session has had other tokens there, or a script has requested the set. All other requests
 * declare the set always. Readers may wait for a key that is released, and a release that is sent again would be lost with
 * its first reply.
 */
export class SharedKeys {
  /** Two generations, the older of which is forgotten at once. */
  #young = new Set<string>();
  #old = new Set<string>();

  /** Several tokens hold the key, or are to hold it. */
  add(key: string): void {
    if (this.#young.has(key)) return;
    if (this.#young.size >= LEAST_KEYS) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(key);
  }

  has(key: string): boolean {
    return (this.#young.size > 0 && this.#young.has(key)) || (this.#old.size > 0 && this.#old.has(key));
  }
}

/** Without the pattern that reads all of a token, because each command needs it. */
export function isExclusive(token: string): boolean {
  const number = token.indexOf(':', TOKEN_MARK.length) + 1;
  const mark = token.indexOf('-', number);
  return mark < 0 || mark > token.indexOf(':', number);
}
