/** Gives up the tokens of commands whose outcome is unknown: they may have run, or may run later. */
import { runOutside } from '../../core/outside.js';
import type { RedisLink } from './redis-link.js';

/** Between two tries, in ms. */
const RETRY = { first: 100, longest: 1_000 };
/** How many are sent before their replies are waited for. */
const AT_ONCE = 100;
/** After this long, in ms, a key is left to its own expiry. */
const LONGEST = 600_000;

export interface WithdrawalsSettings {
  readonly link: RedisLink;
  /** Sends it. @throws LockStoreError */
  readonly giveUp: (key: string, token: string) => Promise<unknown>;
}

interface Withdrawal {
  readonly key: string;
  readonly token: string;
  /** The command cannot run after this server time, in µs: only a give-up later than that is final. 0: any is. */
  readonly notAfter: number;
  readonly givenUpAt: number;
  attempt: number;
  /** When to try next, on the monotonic clock. */
  dueAt: number;
}

/** One round at a time, and none before the server answers: what gathers while it hangs costs one command a try. */
export class Withdrawals {
  readonly #settings: WithdrawalsSettings;
  readonly #pending = new Set<Withdrawal>();
  #running = false;
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #ended = false;

  constructor(settings: WithdrawalsSettings) {
    this.#settings = settings;
  }

  add(key: string, token: string, notAfter: number): void {
    if (this.#ended) return;
    this.#pending.add({
      key,
      token,
      notAfter,
      givenUpAt: performance.now() + LONGEST,
      attempt: 0,
      dueAt: 0,
    });
    // While the server does not answer, the next try is due by its own timer.
    if (this.#attempt === 0) void runOutside(() => this.#run());
  }

  /** The connection is back: what waited for it goes out now. */
  hasten(): void {
    this.#attempt = 0;
    for (const withdrawal of this.#pending) withdrawal.dueAt = 0;
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
      // The time is read before giving up: a reading after it would not show that nothing ran in between.
      const now = await this.#settings.link.serverTime(this.#settings.link.until());
      this.#attempt = 0;
      await this.#giveUpDue(now);
    } catch {
      this.#attempt += 1;
    }
    this.#running = false;
    for (const each of this.#pending) if (each.givenUpAt < started) this.#pending.delete(each);
    this.#schedule();
  }

  /** @param now the server's time, in µs. */
  async #giveUpDue(now: number): Promise<void> {
    const due = [...this.#pending].filter(({ dueAt }) => dueAt <= performance.now());
    for (let i = 0; i < due.length && !this.#ended; i += AT_ONCE) {
      const outcomes = await Promise.all(due.slice(i, i + AT_ONCE).map((each) => this.#giveUp(each, now)));
      if (!outcomes.includes(true)) return;
    }
  }

  async #giveUp(withdrawal: Withdrawal, now: number): Promise<boolean> {
    const { key, token, notAfter } = withdrawal;
    try {
      await this.#settings.giveUp(key, token);
      if (now > notAfter) this.#pending.delete(withdrawal);
      else withdrawal.dueAt = performance.now() + (notAfter - now) / 1000 + 1;
      return true;
    } catch {
      withdrawal.attempt += 1;
      withdrawal.dueAt = performance.now() + pause(withdrawal.attempt);
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
