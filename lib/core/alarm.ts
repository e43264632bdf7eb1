/** One timer of the clock's, set for the earliest of the times that it was asked for. */
import type { Clock, Timer } from './clock.js';

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  #at = Infinity;

  /** @param ring is called at the time; no other is set by then. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this time on the monotonic clock, if it is not set for an earlier one. `Infinity` for never. */
  set(at: number): void {
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#clock.schedule(() => {
      this.clear();
      this.#ring();
    }, at - this.#clock.monotonic());
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }
}
