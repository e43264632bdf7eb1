/** Work that no caller waits for. When the engine closes, it waits for this work, or cancels it. */
import type { Clock, Timer } from '../time/clock.js';
import { LinkedList } from '../util/linked-list.js';

export class BackgroundTasks {
  readonly #clock: Clock;
  readonly #tasks = new LinkedList<Promise<unknown>>();
  readonly #timers = new Set<Timer>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Keeps the work until it settles. A failure of the work is ignored here: it was reported where it happened. */
  track(work: Promise<unknown>): void {
    const over = (): void => this.#tasks.remove(node);
    const node = this.#tasks.push(work.then(over, over));
  }

  /** Calls back after `ms`, unless the engine closes before. */
  later(ms: number, callback: () => void): void {
    const timer = this.#clock.schedule(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  /** Cancels the timers, and waits for the work that is under way. No command is sent afterwards. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    this.#closed = true;
  }
}
