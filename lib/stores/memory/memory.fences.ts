/**
 * The memory store's fence counter. As in the scripts of the Redis store, no fence is ahead of the clock while the
 * clock goes forward. So the fences of a restarted process are above the fences of the process before.
 */
import type { Clock } from '../../core/time/clock.js';

/**
 * How far fences may be behind the clock, in µs. Some fences are then left at each moment, even if the clock shows only
 * whole milliseconds.
 */
const BEHIND = 5_000;

const counters = new WeakMap<Clock, MemoryFences>();

export class MemoryFences {
  readonly #clock: Clock;
  #last: number;

  private constructor(clock: Clock) {
    this.#clock = clock;
    // A process takes longer than this to start, so the fences of the process before are lower.
    this.#last = this.now - BEHIND;
  }

  /** All stores with one clock draw from one counter, so a new store continues the fences of an earlier store. */
  static of(clock: Clock): MemoryFences {
    let counter = counters.get(clock);
    if (counter === undefined) {
      counter = new MemoryFences(clock);
      counters.set(clock, counter);
    }
    return counter;
  }

  /** The latest fence. */
  get last(): number {
    return this.#last;
  }

  /** The clock, in whole µs. */
  get now(): number {
    return Math.floor(this.#clock.wall() * 1000);
  }

  /** Draws at least one fence, and up to `count` consecutive fences: fewer if the clock does not leave as many. */
  draw(count: number): { fence: number; drawn: number } {
    const { now } = this;
    const last = Math.max(this.#last, now - BEHIND);
    // If the clock went back, or stood still for thousands of fences, the next fences follow the latest one.
    const left = last > now ? count : Math.min(count, now - last);
    const drawn = Math.max(1, left);
    this.#last = last + drawn;
    return { fence: last + 1, drawn };
  }
}
