/** A lock with keys that were joined: an outer call holds some of its keys, or all. */
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
   * @param own the holds that this call took itself.
   * @param fenceDomainOf names the fence domain of a key.
   */
  constructor(nested: readonly NestedHold[], own: readonly Hold[], fenceDomainOf: (key: string) => string) {
    const held = new Set(nested.map(({ key }) => key));
    // A joined key keeps the fence that it was taken with. With a later fence, the outer call's own writes would be
    // refused.
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

  /** When the outer call has released its hold, work that goes on is not under this lock any more. */
  override get released(): boolean {
    return super.released || this.#nested.some(({ root }) => root.released);
  }

  protected override fencesDiffer(): Error {
    const [{ key }] = this.#nested;
    return new LockReentryError(
      key,
      `The lock ${quoted(key)} was joined, and keeps the fence of the outer call. Other keys of this call have other fences. ` +
        'Use "fences", by key, or take all keys in the outer call.',
    );
  }
}
