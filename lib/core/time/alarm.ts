/** One timer of the clock, set for the earliest of the times that `set` was called with. */
import type { Clock, Timer } from './clock.js';

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: (readUntil: number) => void;
  #timer: Timer | undefined;
  #at = Infinity;

  /** @param ring is called at the time, as {@link Clock.schedule} calls back. The alarm is not set any more by then. */
  constructor(clock: Clock, ring: (readUntil: number) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this time on the monotonic clock, unless the alarm is set for an earlier time. `Infinity` for never. */
  set(at: number): void {
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#clock.schedule((readUntil = this.#clock.monotonic()) => {
      this.clear();
      this.#ring(readUntil);
    }, at - this.#clock.monotonic());
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }
}
