/** What the server's clock surely shows at least, and at the most, reckoned from its replies. */

/** In µs. */
const STEP = 10_000;

/** How much two clocks may part, in µs a ms: quartz keeps to a tenth of it. */
const DRIFT = 0.2;

/** So far ahead of the latest reckoning, in µs, is not ahead: clocks part, and those of a Cluster's nodes differ. */
const TOLERANCE = 100_000;

/**
 * Requests carry a server time after which they must not run. It is reckoned from readings of the server's clock: as if each had
 * been made at the moment at which its reply was read. That is too early by the reply's trip. If this process computed in
 * between, it is too early by that, too: so an earlier reading is gone on from, as far as the later one bears it out. An
 * error costs a request that is refused and sent again, never a lock.
 *
 * What the server's clock cannot show yet is reckoned as if its time had been read when it was requested.
 */
export class ServerClock {
  /** The server's µs minus ours. */
  #offset: number | undefined;
  /** The same, at the most. */
  #most = 0;
  #readAt = -Infinity;

  /**
   * What a reply that came just now said, in µs.
   * @param sentAt when its command was sent, on the monotonic clock.
   */
  set(serverMicros: number, sentAt: number): void {
    const now = performance.now();
    const least = serverMicros - now * 1000;
    this.#most = serverMicros - sentAt * 1000;
    const former = (this.#offset ?? -Infinity) - DRIFT * (now - this.#readAt);
    this.#offset = Math.min(Math.max(least, former), this.#most);
    this.#readAt = now;
  }

  /** The server found a request to be too late that was not: reckons by the latest time that the reply allows. */
  advance(serverMicros: number, sentAt: number): void {
    this.#most = serverMicros - sentAt * 1000;
    this.#offset = this.#most;
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
   * The server's µs at that time of the monotonic clock, rounded down to {@link STEP}: many requests in a row then
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

/** A time as a script takes it. To write out so large a number costs a request as much as all its other arguments. */
export function digitsOf(time: number): string {
  if (time !== latest) {
    latest = time;
    latestDigits = String(time);
  }
  return latestDigits;
}
