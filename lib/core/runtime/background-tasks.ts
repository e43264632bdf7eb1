/** Work that no caller waits for: closing the engine waits for it, or cancels it. */
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

  /** Runs the work on its own. A failure has been reported where it happened. */
  track(work: Promise<unknown>): void {
    const over = (): void => this.#tasks.remove(node);
    const node = this.#tasks.push(work.then(over, over));
  }

  /** Calls back after `ms`, unless the engine is closed by then. */
  later(ms: number, callback: () => void): void {
    const timer = this.#clock.schedule(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  /** Cancels what is to come, and waits for what is under way. Nothing is sent afterwards. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    this.#closed = true;
  }
}
