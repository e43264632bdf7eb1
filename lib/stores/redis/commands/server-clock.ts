/** The server's clock: a reckoning of what it shows, and the readings that the reckoning is made from. */
import { runOutside } from '../../../core/time/outside.js';

/** In µs. */
const STEP = 10_000;

/** How much two clocks may drift apart, in µs a ms. The drift of quartz clocks is a tenth of it. */
const DRIFT = 0.2;

/**
 * A server time that is less than this ahead of the latest reckoning, in µs, does not count as ahead: clocks drift
 * apart, and the clocks of a Cluster's nodes differ.
 */
const TOLERANCE = 100_000;

/** The server's clock is read again after this long, in ms: two quartz clocks drift apart by some ms a minute. */
const CLOCK_AGE = 30_000;

/**
 * A request carries a server time after which the request must not run. That time is reckoned from readings of the
 * server's clock, as if each reading had been made when its reply was read. The result is too early by the time that
 * the reply travelled. If this process computed meanwhile, the result is too early by that time as well. So the
 * reckoning goes on from an earlier reading, as far as the later reading allows it. If the reckoning is wrong, a
 * request is refused and sent again, but no lock is lost.
 *
 * For the question whether a server time is still to come, a reading counts as if it had been made when its command was
 * sent.
 */
export class ServerClock {
  /** The server's µs minus ours, as reckoned. */
  #offset: number | undefined;
  /** The server's µs minus ours, at the most. */
  #most = 0;
  #readAt = -Infinity;

  /**
   * Takes a reading that arrived just now.
   * @param serverMicros what the server's clock showed, in µs.
   * @param sentAt when the command was sent, on the monotonic clock.
   */
  set(serverMicros: number, sentAt: number): void {
    const now = performance.now();
    const least = serverMicros - now * 1000;
    this.#most = serverMicros - sentAt * 1000;
    const former = (this.#offset ?? -Infinity) - DRIFT * (now - this.#readAt);
    this.#offset = Math.min(Math.max(least, former), this.#most);
    this.#readAt = now;
  }

  /**
   * Takes the reading of a reply that refused a request as too late, although the request was not. The reckoning takes
   * the latest time that the reply allows.
   */
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

  /** The time of the latest reading, on the monotonic clock. */
  get readAt(): number {
    return this.#readAt;
  }

  /**
   * The server's µs at this time of the monotonic clock, rounded down to a multiple of 10 ms: many requests in a row
   * then carry the same number.
   */
  at(monotonic: number): number {
    return Math.floor(((this.#offset ?? 0) + monotonic * 1000) / STEP) * STEP;
  }

  /** Whether this time of the server, in µs, may be still to come. True while the clock is not known. */
  mayBeAhead(serverMicros: number): boolean {
    return !this.known || serverMicros > this.#most + performance.now() * 1000 + TOLERANCE;
  }
}

/** Reads the server's clock: one reading at a time, and a new one when the latest is old. */
export class ClockReader {
  readonly #clock: ServerClock;
  readonly #serverTime: (until: number) => Promise<number>;
  readonly #until: () => number;
  #reading: Promise<void> | undefined;

  /**
   * @param serverTime requests the server's time, in µs.
   * @param until the bound of a command that starts now, on the monotonic clock.
   */
  constructor(clock: ServerClock, serverTime: (until: number) => Promise<number>, until: () => number) {
    this.#clock = clock;
    this.#serverTime = serverTime;
    this.#until = until;
  }

  /** Whether the clock is known. If the latest reading will be old at `until`, a new one starts in the background. */
  isSynchronised(until: number): boolean {
    if (!this.#clock.known) return false;
    if (until - this.#clock.readAt > CLOCK_AGE && this.#reading === undefined) {
      this.read(this.#until()).catch(() => undefined); // the old reading serves until a new one succeeds
    }
    return true;
  }

  /** Resolves when the clock has been read. A reading that is under way already is shared. @throws LockStoreError */
  read(until: number): Promise<void> {
    const sentAt = performance.now();
    this.#reading ??= runOutside(() => this.#serverTime(until))
      .then((time) => this.#clock.set(time, sentAt))
      .finally(() => (this.#reading = undefined));
    return this.#reading;
  }
}

let latest = 0;
let latestDigits = '0';

/**
 * A server time as an argument of a script. The digits of the latest time are kept: writing out so large a number takes
 * as much time as all other arguments of a request.
 */
export function digitsOf(time: number): string {
  if (time !== latest) {
    latest = time;
    latestDigits = String(time);
  }
  return latestDigits;
}
