/** All that is known about single keys, for rows that are unfolded on the page. */
import type { LockInfo } from '../../core/inspection/lock-info.js';
import type { InspectedLocks } from './lock-sources.js';

/** How many keys are kept. Each is replaced after one interval anyway. */
const MOST = 50;

export class LockDetails {
  readonly #kept = new Map<string, { readonly at: number; readonly info: Promise<LockInfo | null> }>();

  /** @param refresh in ms. A key is inspected at most once in this time, however many have it unfolded. */
  constructor(private readonly refresh: number) {}

  of(name: string, locks: InspectedLocks, key: string): Promise<LockInfo | null> {
    const id = JSON.stringify([name, key]);
    const kept = this.#kept.get(id);
    if (kept !== undefined && performance.now() - kept.at < this.refresh) return kept.info;
    const info = locks.inspect(key);
    this.#kept.delete(id);
    this.#kept.set(id, { at: performance.now(), info });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST) this.#kept.delete(oldest);
    return info;
  }
}
