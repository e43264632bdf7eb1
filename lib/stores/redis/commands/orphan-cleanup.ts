/** Releases orphans: the tokens of commands with an unknown outcome. Such a command may have run, or may run later. */
import { runOutside } from '../../../core/time/outside.js';
import type { CommandSender } from './command-sender.js';

/** The pause between two tries, in ms. */
const RETRY = { first: 100, longest: 1_000 };
/** How many releases are sent before their replies are awaited. */
const AT_ONCE = 100;
/** After this long, in ms, an orphan is abandoned: its key expires by itself. */
const LONGEST = 600_000;

export interface OrphanCleanupSettings {
  readonly sender: CommandSender;
  /** Sends the release. @throws LockStoreError */
  readonly release: (key: string, token: string) => Promise<unknown>;
}

interface Orphan {
  readonly key: string;
  readonly token: string;
  /**
   * The command cannot run after this server time, in µs, so only a later release is final. 0: each release is final.
   */
  readonly notAfter: number;
  readonly abandonedAt: number;
  attempt: number;
  /** The time of the next try, on the monotonic clock. */
  dueAt: number;
}

/**
 * There is one round at a time, and each round begins with a command that reads the server's clock. While the server
 * does not answer, a try costs that one command, however many orphans there are.
 */
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
    // While the server does not answer, a timer starts the next try.
    if (this.#attempt === 0) void runOutside(() => this.#run());
  }

  /** The connection is back: all orphans are due now. */
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
      // The time is read before the release. A reading after the release would not show that nothing ran in between.
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

/** The pause after the n-th failure in a row, in ms. */
function pause(attempt: number): number {
  return Math.min(RETRY.first * 2 ** attempt, RETRY.longest);
}
