/**
 * Since when Redis does not answer. A caller with time to wait bridges an outage that is shorter than `commandTimeout`.
 */
import type { Outage } from '../../../core/contracts/store.contract.js';
import type { LockStoreError } from '../../../errors/index.js';
import { isPassing, isSilence } from '../errors/redis-errors.js';

/** If a fence domain has not failed for this long, in ms, the next failure begins a new outage. */
const FORGOTTEN_AFTER = 10_000;

interface Failures {
  /** On the monotonic clock. */
  readonly since: number;
  latest: number;
}

/**
 * There are two kinds of outages. If the connection is down, its return is announced. If the server refuses commands
 * for a reason that passes by itself, such as a fail-over, only the next try shows whether the outage is over. In a
 * Cluster, one slot may fail while other slots work. So failures are counted by fence domain, and each slot has its own
 * fence domain.
 */
export class Outages {
  readonly #longest: number;
  /** Whether there was a connection. A server that was never reached is not an outage. */
  #connected = false;
  #disconnectedAt = -Infinity;
  /** By fence domain. */
  readonly #failing = new Map<string, Failures>();

  /** @param longest how long callers bridge an outage, in ms. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The connection is up. Failures of fence domains are kept: the right server may still have to be found. */
  connected(): void {
    this.#connected = true;
  }

  /** The connection is down. May be called again while the connection is down. */
  disconnected(): void {
    if (this.#connected) this.#disconnectedAt = performance.now();
    this.#connected = false;
  }

  /** A command failed. */
  failed(domain: string, error: LockStoreError): void {
    const now = performance.now();
    if (isPassing(error)) {
      const { since = now, latest = -Infinity } = this.#failing.get(domain) ?? {};
      this.#failing.set(domain, { since: now - latest > FORGOTTEN_AFTER ? now : since, latest: now });
      // A command that exceeded its time-out has used up the time of an outage.
    } else if (isSilence(error)) this.#failing.set(domain, { since: -Infinity, latest: now });
    else this.answered(domain);
  }

  /** A command was answered. */
  answered(domain: string): void {
    if (this.#failing.size > 0) this.#failing.delete(domain);
  }

  /** The outage of the connection, which is down. */
  ofConnection(): Outage | undefined {
    return this.#outage(this.#disconnectedAt, true);
  }

  /** The outage of a fence domain, if its latest command failed. */
  of(domain: string): Outage | undefined {
    return this.#outage(this.#failing.get(domain)?.since ?? -Infinity, false);
  }

  #outage(since: number, announced: boolean): Outage | undefined {
    const left = since + this.#longest - performance.now();
    return left > 0 ? { left, announced } : undefined;
  }
}
