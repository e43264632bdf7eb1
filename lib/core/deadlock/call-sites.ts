/** Records where locks are taken, for the report of a long hold. */
import type { Clock } from '../time/clock.js';

/** The stack is formatted only when `stack` is read. */
export interface CallSite {
  readonly stack?: string;
}

/** The share of the time that may be spent on walking stacks. */
const SHARE = 0.002;

/**
 * To walk the stack costs microseconds, which a busy key would pay for each hold. So the stack is walked at most once a
 * millisecond, and less often if this would take more than its share of the time. A process that takes locks more often
 * than that reports some long holds without their site.
 */
export class CallSites {
  readonly #clock: Clock;
  #nextAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param now what the monotonic clock shows. */
  readonly capture = (now = this.#clock.monotonic()): CallSite | undefined => {
    if (now < this.#nextAt) return undefined;
    const site: { stack?: string } = {};
    Error.captureStackTrace(site, this.capture);
    this.#nextAt = now + Math.max(1, (this.#clock.monotonic() - now) / SHARE);
    return site;
  };
}
