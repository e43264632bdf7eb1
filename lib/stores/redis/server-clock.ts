/** What the server's clock surely shows at least, and at the most, reckoned from its replies. */

/** In µs. */
const STEP = 10_000;

/** So far ahead of the latest reckoning, in µs, is not ahead: clocks part, and those of a Cluster's nodes differ. */
const TOLERANCE = 100_000;

/**
 * Asks carry a server time after which they must not run. It is reckoned from the latest TIME as if that had been read
 * at the moment its reply came: too early by the reply's trip, never too late while the clocks run alike. An error costs
 * an ask that is refused and sent again, never a lock.
 *
 * What the server's clock cannot show yet is reckoned as if TIME had been read at the moment when it was asked for.
 */
export class ServerClock {
  /** The server's µs minus ours. */
  #offset: number | undefined;
  /** The same, at the most. */
  #most = 0;
  #readAt = -Infinity;

  /**
   * What a reply that came just now said, in µs.
   * @param askedAt when it was asked for, on the monotonic clock.
   */
  set(serverMicros: number, askedAt: number): void {
    this.#most = serverMicros - askedAt * 1000;
    this.#offset = serverMicros - performance.now() * 1000;
    this.#readAt = performance.now();
  }

  /** The connection may lead to another server now. */
  forget(): void {
    this.#offset = undefined;
  }

  get known(): boolean {
    return this.#offset !== undefined;
  }

  /** When it was read, on the monotonic clock. */
  get readAt(): number {
    return this.#readAt;
  }

  /**
   * The server's µs at that time of the monotonic clock, rounded down to {@link STEP}: many asks in a row then
   * have it in common.
   */
  at(monotonic: number): number {
    return Math.floor(((this.#offset ?? 0) + monotonic * 1000) / STEP) * STEP;
  }

  /** Is this time of the server's, in µs, still to come? Where the clock is not known, it may be. */
  mayBeAhead(serverMicros: number): boolean {
    return !this.known || serverMicros > this.#most + performance.now() * 1000 + TOLERANCE;
  }
}

let latest = 0;
let latestDigits = '0';

/** A time as a script takes it. To write out so large a number costs an ask as much as all its other arguments. */
export function digitsOf(time: number): string {
  if (time !== latest) {
    latest = time;
    latestDigits = String(time);
  }
  return latestDigits;
}
