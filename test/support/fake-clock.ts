/** A clock that a test advances. Timers run in order, at their time. */
import type { Clock, Timer } from '../../lib/core/time/clock.js';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #now = 0;
  #wallOffset = 1_800_000_000_000;
  #order = 0;
  readonly #timers = new Set<Entry>();

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  /** Moves the wall clock alone, as after a change by an administrator or a suspension of the machine. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  schedule(callback: () => void, delay: number): Timer {
    const entry: Entry = { at: this.#now + Math.max(0, delay), order: (this.#order += 1), callback };
    this.#timers.add(entry);
    return { cancel: () => this.#timers.delete(entry) };
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: runs the timers that are due, and the promise jobs in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers]
        .filter((t) => t.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Runs all promise jobs that are ready, and the promise jobs that follow from them. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
