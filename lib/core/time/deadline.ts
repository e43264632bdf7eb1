/** A point in time on two clocks. It has passed when either clock says so. */
import type { Clock } from './clock.js';

/**
 * A suspended machine stops the monotonic clock, and a user can set the wall clock. Of the two, the clock with the
 * earlier end is believed. So an error of a clock may cost a lock, but never lets two holders overlap.
 */
export class Deadline {
  private constructor(
    private readonly clock: Clock,
    /** The deadline on the monotonic clock alone. */
    readonly monotonic: number,
    private readonly wall: number,
  ) {}

  /** @param now what the monotonic clock shows. */
  static in(clock: Clock, ms: number, now = clock.monotonic()): Deadline {
    return new Deadline(clock, now + ms, clock.wall() + ms);
  }

  /** A deadline that is `ms` later than this one, or earlier if `ms` is negative. */
  plus(ms: number): Deadline {
    return new Deadline(this.clock, this.monotonic + ms, this.wall + ms);
  }

  /** The later of the two. */
  static later(a: Deadline, b: Deadline): Deadline {
    return a.remaining >= b.remaining ? a : b;
  }

  /** Milliseconds left. 0 once the deadline has passed. */
  get remaining(): number {
    return this.remainingAt(this.clock.monotonic());
  }

  /** As {@link remaining}. @param now what the monotonic clock shows: to read a clock is a part of the cost of a hold. */
  remainingAt(now: number): number {
    const left = Math.min(this.monotonic - now, this.wall - this.clock.wall());
    return left > 0 ? left : 0;
  }

  get passed(): boolean {
    return this.remaining === 0;
  }

  /** Whether the deadline had passed when the sockets were last read. @param readUntil see {@link Clock.schedule}. */
  passedBy(readUntil: number): boolean {
    return this.monotonic <= readUntil || this.wall <= this.clock.wall();
  }

  get date(): Date {
    return new Date(this.wall);
  }
}
