/** Where locks are taken, for the report of a long hold. */
import type { Clock } from '../time/clock.js';

/** Formatted only when `stack` is read. */
export interface CallSite {
  readonly stack?: string;
}

/** The share of the time that may go into walking stacks. */
const SHARE = 0.002;

/**
 * Walking the stack costs microseconds, which a hot key would pay on every turn: so it is done at most once a millisecond,
 * and less often where that would take more than its share. A process that takes more locks reports some long holds without
 * their site.
 */
export class CallSites {
  readonly #clock: Clock;
  #nextAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly capture = (): CallSite | undefined => {
    const now = this.#clock.monotonic();
    if (now < this.#nextAt) return undefined;
    const site: { stack?: string } = {};
    Error.captureStackTrace(site, this.capture);
    this.#nextAt = now + Math.max(1, (this.#clock.monotonic() - now) / SHARE);
    return site;
  };
}
