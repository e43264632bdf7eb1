/**
 * The memory store's counter of fences. As in the Redis scripts (lib/stores/redis/scripts/fences.ts) no fence is ahead of the
 * clock, as long as the clock goes on: the fences of a process's next life are above those of its last one.
 */
import type { Clock } from '../../core/time/clock.js';

/** How far behind the clock fences may be, in µs. A clock that shows whole milliseconds leaves some for each moment so. */
const BEHIND = 5_000;

const counters = new WeakMap<Clock, MemoryFences>();

export class MemoryFences {
  readonly #clock: Clock;
  #last: number;

  private constructor(clock: Clock) {
    this.#clock = clock;
    // A process takes longer than this to start, so those of its former life are below.
    this.#last = this.now - BEHIND;
  }

  /** All stores of one clock draw from one counter: one that is made anew goes on. */
  static of(clock: Clock): MemoryFences {
    let counter = counters.get(clock);
    if (counter === undefined) {
      counter = new MemoryFences(clock);
      counters.set(clock, counter);
    }
    return counter;
  }

  /** The latest one. */
  get last(): number {
    return this.#last;
  }

  /** The clock, in whole µs. */
  get now(): number {
    return Math.floor(this.#clock.wall() * 1000);
  }

  /** Draws up to `count` consecutive ones, and one at least: fewer where the clock has not left as many. */
  draw(count: number): { fence: number; drawn: number } {
    const { now } = this;
    const last = Math.max(this.#last, now - BEHIND);
    // If the clock went back, or stood still for thousands of fences, the next ones follow the last.
    const left = last > now ? count : Math.min(count, now - last);
    const drawn = Math.max(1, left);
    this.#last = last + drawn;
    return { fence: last + 1, drawn };
  }
}
