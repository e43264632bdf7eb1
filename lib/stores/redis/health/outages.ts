/** Since when Redis is away: what is shorter than `commandTimeout` is bridged by callers that have time to wait. */
import type { Outage } from '../../../core/contracts/store.contract.js';
import type { LockStoreError } from '../../../errors/index.js';
import { isPassing, isSilence } from '../errors/redis-errors.js';

/** A fence domain that has not failed for this long, in ms, is not remembered as failing. */
const FORGOTTEN_AFTER = 10_000;

interface Failures {
  /** On the monotonic clock. */
  readonly since: number;
  latest: number;
}

/**
 * Two kinds. The connection is away: its return is announced. Or the server is there and refuses for a reason that passes by
 * itself, such as a fail-over: only the next try tells that it is over. In a Cluster one slot may fail while others work,
 * so failures are counted by fence domain, of which each slot has its own.
 */
export class Outages {
  readonly #longest: number;
  /** Was there a connection at all? A server that was never there is no outage. */
  #connected = false;
  #disconnectedAt = -Infinity;
  /** By fence domain. */
  readonly #failing = new Map<string, Failures>();

  /** @param longest how long an outage is bridged, in ms. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The connection is there. A domain that fails goes on failing: another server may have to be found first. */
  connected(): void {
    this.#connected = true;
  }

  /** The connection is gone. May be called again, while it is. */
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
      // A command that went unanswered for as long as any may take has used up the time of an outage.
    } else if (isSilence(error)) this.#failing.set(domain, { since: -Infinity, latest: now });
    else this.answered(domain);
  }

  /** A command was answered. */
  answered(domain: string): void {
    if (this.#failing.size > 0) this.#failing.delete(domain);
  }

  /** Of the connection, which is down. */
  ofConnection(): Outage | undefined {
    return this.#outage(this.#disconnectedAt, true);
  }

  /** Of a fence domain, whose latest command failed. */
  of(domain: string): Outage | undefined {
    return this.#outage(this.#failing.get(domain)?.since ?? -Infinity, false);
  }

  #outage(since: number, announced: boolean): Outage | undefined {
    const left = since + this.#longest - performance.now();
    return left > 0 ? { left, announced } : undefined;
  }
}
