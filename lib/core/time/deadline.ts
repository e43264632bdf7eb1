/** A point in time on both clocks: it has passed when either says so. */
import type { Clock } from './clock.js';

/**
 * A suspended machine stops the monotonic clock and a set clock moves the wall: the earlier of the two is believed,
 * so that an error costs a lock, never an overlap.
 */
export class Deadline {
  private constructor(
    private readonly clock: Clock,
    /** On the monotonic clock alone. */
    readonly monotonic: number,
    private readonly wall: number,
  ) {}

  static in(clock: Clock, ms: number): Deadline {
    return new Deadline(clock, clock.monotonic() + ms, clock.wall() + ms);
  }

  /** This one, `ms` later (or earlier). */
  plus(ms: number): Deadline {
    return new Deadline(this.clock, this.monotonic + ms, this.wall + ms);
  }

  /** The later of the two. */
  static later(a: Deadline, b: Deadline): Deadline {
    return a.remaining >= b.remaining ? a : b;
  }

  /** Milliseconds left; 0 once it has passed. */
  get remaining(): number {
    const left = Math.min(this.monotonic - this.clock.monotonic(), this.wall - this.clock.wall());
    return left > 0 ? left : 0;
  }

  get passed(): boolean {
    return this.remaining === 0;
  }

  /** Has it passed, as far as may be judged by what was read? @param readUntil see {@link Clock.schedule}. */
  passedBy(readUntil: number): boolean {
    return this.monotonic <= readUntil || this.wall <= this.clock.wall();
  }

  get date(): Date {
    return new Date(this.wall);
  }
}
