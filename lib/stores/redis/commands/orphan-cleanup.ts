/** Releases the tokens of commands whose outcome is unknown: they may have run, or may run later. */
import { runOutside } from '../../../core/time/outside.js';
import type { CommandSender } from './command-sender.js';

/** Between two tries, in ms. */
const RETRY = { first: 100, longest: 1_000 };
/** How many are sent before their replies are waited for. */
const AT_ONCE = 100;
/** After this long, in ms, a key is left to its own expiry. */
const LONGEST = 600_000;

export interface OrphanCleanupSettings {
  readonly sender: CommandSender;
  /** Sends it. @throws LockStoreError */
  readonly release: (key: string, token: string) => Promise<unknown>;
}

interface Orphan {
  readonly key: string;
  readonly token: string;
  /** The command cannot run after this server time, in µs: only a release later than that is final. 0: any is. */
  readonly notAfter: number;
  readonly abandonedAt: number;
  attempt: number;
  /** When to try next, on the monotonic clock. */
  dueAt: number;
}

/** One round at a time, and none before the server answers: what gathers while it hangs costs one command a try. */
export class OrphanCleanup {
  readonly #settings: OrphanCleanupSettings;
  readonly #pending = new Set<Orphan>();
  #running = false;
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #ended = false;

  constructor(settings: OrphanCleanupSettings) {
    this.#settings = settings;
  }

  add(key: string, token: string, notAfter: number): void {
    if (this.#ended) return;
    this.#pending.add({
      key,
      token,
      notAfter,
      abandonedAt: performance.now() + LONGEST,
      attempt: 0,
      dueAt: 0,
    });
    // While the server does not answer, the next try is due by its own timer.
    if (this.#attempt === 0) void runOutside(() => this.#run());
  }

  /** The connection is back: what waited for it goes out now. */
  hasten(): void {
    this.#attempt = 0;
    for (const orphan of this.#pending) orphan.dueAt = 0;
    void runOutside(() => this.#run());
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  async #run(): Promise<void> {
    if (this.#running || this.#ended) return;
    this.#running = true;
    clearTimeout(this.#timer);
    const started = performance.now();
    try {
      // The time is read before releasing: a reading after it would not show that nothing ran in between.
      const now = await this.#settings.sender.serverTime(this.#settings.sender.until());
      this.#attempt = 0;
      await this.#releaseDue(now);
    } catch {
      this.#attempt += 1;
    }
    this.#running = false;
    for (const each of this.#pending) if (each.abandonedAt < started) this.#pending.delete(each);
    this.#schedule();
  }

  /** @param now the server's time, in µs. */
  async #releaseDue(now: number): Promise<void> {
    const due = [...this.#pending].filter(({ dueAt }) => dueAt <= performance.now());
    for (let i = 0; i < due.length && !this.#ended; i += AT_ONCE) {
      const outcomes = await Promise.all(due.slice(i, i + AT_ONCE).map((each) => this.#release(each, now)));
      if (!outcomes.includes(true)) return;
    }
  }

  async #release(orphan: Orphan, now: number): Promise<boolean> {
    const { key, token, notAfter } = orphan;
    try {
      await this.#settings.release(key, token);
      if (now > notAfter) this.#pending.delete(orphan);
      else orphan.dueAt = performance.now() + (notAfter - now) / 1000 + 1;
      return true;
    } catch {
      orphan.attempt += 1;
      orphan.dueAt = performance.now() + pause(orphan.attempt);
      return false;
    }
  }

  #schedule(): void {
    if (this.#ended || this.#pending.size === 0) return;
    let dueAt = Infinity;
    for (const each of this.#pending) dueAt = Math.min(dueAt, each.dueAt);
    const delay = this.#attempt > 0 ? pause(this.#attempt) : dueAt - performance.now();
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, delay)).unref();
  }
}

/** After the n-th failure in a row. */
function pause(attempt: number): number {
  return Math.min(RETRY.first * 2 ** attempt, RETRY.longest);
}
