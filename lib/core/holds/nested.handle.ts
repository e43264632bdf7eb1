/** A lock on keys of which an outer call of the same async context holds some, or all. */
import { LockReentryError, quoted } from '../../errors/index.js';
import type { NestedHold } from './nested-hold.js';
import { LockHandle } from './lock.handle.js';
import type { Hold } from './hold.js';
import { EXCLUSIVE, type LockAccess } from '../contracts/token.js';

export class NestedHandle extends LockHandle {
  readonly #nested: readonly NestedHold[];
  readonly #own: readonly string[];
  readonly #access: LockAccess;

  /**
   * @param own holds that this one took itself.
   * @param counterOf names the counter that a key's fences come from.
   */
  constructor(nested: readonly NestedHold[], own: readonly Hold[], fenceDomainOf: (key: string) => string) {
    const held = new Set(nested.map(({ key }) => key));
    // A joined key keeps the fence that it was taken with: with a later one, the outer call's own writes were refused.
    super([...nested, ...own], (key) => (held.has(key) ? `joined ${key}` : `own ${fenceDomainOf(key)}`));
    this.#nested = nested;
    this.#own = own.map(({ key }) => key);
    this.#access = own[0]?.options.access ?? EXCLUSIVE;
  }

  override get owned(): readonly string[] {
    return this.#own;
  }

  override get access(): LockAccess {
    return this.#access;
  }

  /** With the outer one it is over, too: what goes on is not under it any more. */
  override get released(): boolean {
    return super.released || this.#nested.some(({ root }) => root.released);
  }

  protected override fencesDiffer(): Error {
    const [{ key }] = this.#nested;
    return new LockReentryError(
      key,
      `The lock ${quoted(key)} was joined, and has its fence from an outer call, while other keys taken with it have others. ` +
        'Use "fences", by key, or take all keys on the outside.',
    );
  }
}
