/** Where locks are taken, for the report of a long hold. */
import type { Clock } from './clock.js';

/** Formatted only when `stack` is read. */
export interface CallSite {
  readonly stack?: string;
}

/**
 * Walking the stack costs microseconds, which a hot key would pay on every turn: at most one is walked a millisecond. A
 * process that takes more locks than that reports some long holds without their site.
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
    this.#nextAt = now + 1;
    const site: { stack?: string } = {};
    Error.captureStackTrace(site, this.capture);
    return site;
  };
}
