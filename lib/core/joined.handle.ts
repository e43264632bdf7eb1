/** A lock on keys of which an outer call of the same async context holds some, or all. */
import { LockReentryError, quoted } from '../errors/index.js';
import type { JoinedSection } from './joined.section.js';
import { LockHandle } from './lock.handle.js';
import type { Section } from './section.js';
import { EXCLUSIVE, type Sharing } from './token.js';

export class JoinedHandle extends LockHandle {
  readonly #joined: readonly JoinedSection[];
  readonly #own: readonly string[];
  readonly #sharing: Sharing;

  /**
   * @param own sections that this one took itself.
   * @param counterOf names the counter that a key's fences come from.
   */
  constructor(joined: readonly JoinedSection[], own: readonly Section[], counterOf: (key: string) => string) {
    const held = new Set(joined.map(({ key }) => key));
    // A joined key keeps the fence that it was taken with: with a later one, the outer call's own writes were refused.
    super([...joined, ...own], (key) => (held.has(key) ? `joined ${key}` : `own ${counterOf(key)}`));
    this.#joined = joined;
    this.#own = own.map(({ key }) => key);
    this.#sharing = own[0]?.options.sharing ?? EXCLUSIVE;
  }

  override get owned(): readonly string[] {
    return this.#own;
  }

  override get sharing(): Sharing {
    return this.#sharing;
  }

  /** With the outer one it is over, too: what goes on is not under it any more. */
  override get released(): boolean {
    return super.released || this.#joined.some(({ root }) => root.released);
  }

  protected override fencesDiffer(): Error {
    const [{ key }] = this.#joined;
    return new LockReentryError(
      key,
      `The lock ${quoted(key)} was joined, and has its fence from an outer call, while other keys taken with it have others. ` +
        'Use "fences", by key, or take all keys on the outside.',
    );
  }
}
