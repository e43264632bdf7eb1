/** Gives up the tokens of commands whose outcome is unknown: they may have run, or may run later. */
import type { RedisLink } from './redis-link.js';

/** Between two tries, in ms. */
const RETRY = { first: 100, longest: 1_000 };
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
  timer: NodeJS.Timeout | undefined;
}

export class Withdrawals {
  readonly #settings: WithdrawalsSettings;
  readonly #pending = new Set<Withdrawal>();
  #ended = false;

  constructor(settings: WithdrawalsSettings) {
    this.#settings = settings;
  }

  add(key: string, token: string, notAfter: number): void {
    if (this.#ended) return;
    const givenUpAt = performance.now() + LONGEST;
    const withdrawal: Withdrawal = { key, token, notAfter, givenUpAt, attempt: 0, timer: undefined };
    this.#pending.add(withdrawal);
    void this.#try(withdrawal);
  }

  /** The connection is back: what waited for it goes out now. */
  hasten(): void {
    for (const withdrawal of this.#pending) {
      if (withdrawal.timer !== undefined) this.#schedule(withdrawal, 0);
    }
  }

  end(): void {
    this.#ended = true;
    for (const { timer } of this.#pending) clearTimeout(timer);
    this.#pending.clear();
  }

  async #try(withdrawal: Withdrawal): Promise<void> {
    const { link, giveUp } = this.#settings;
    const { key, token, notAfter } = withdrawal;
    withdrawal.timer = undefined;
    try {
      // The time is read before giving up: a reading after it would not show that nothing ran in between.
      const now = notAfter === 0 ? 1 : await link.serverTime(link.until());
      await giveUp(key, token);
      if (now > notAfter) this.#done(withdrawal);
      else this.#schedule(withdrawal, (notAfter - now) / 1000 + 1);
    } catch {
      withdrawal.attempt += 1;
      if (performance.now() > withdrawal.givenUpAt) this.#done(withdrawal);
      else this.#schedule(withdrawal, Math.min(RETRY.first * 2 ** withdrawal.attempt, RETRY.longest));
    }
  }

  #schedule(withdrawal: Withdrawal, delay: number): void {
    if (this.#ended) return;
    clearTimeout(withdrawal.timer);
    withdrawal.timer = setTimeout(() => void this.#try(withdrawal), delay).unref();
  }

  #done(withdrawal: Withdrawal): void {
    this.#pending.delete(withdrawal);
  }
}
