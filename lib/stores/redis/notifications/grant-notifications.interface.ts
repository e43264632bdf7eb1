/** The way by which hand-offs reach a session: one channel on a single Redis, one for each slot in a Cluster. */
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';

export interface GrantNotifications {
  /** Can it work at all? False from when the server proves to lack a command for it. */
  readonly possible: boolean;
  /** Do hand-offs of the key arrive now? */
  canNotify(key: string): boolean;
  /** Told of every request that requests, from which it learns that somebody waits, and keeps an eye on the connection. */
  onRequest(request: ExchangeRequest): void;
  /** The queue forgot a request for the key. It skips whom it cannot reach: is that why? */
  doubt(key: string): void;
  /**
   * Resolves once hand-offs of the key arrive, or it is known that they cannot ({@link possible}); stays pending while the
   * connection is down.
   * @throws LockStoreError when the server refuses the subscription.
   */
  subscribe(key: string): Promise<void>;
  end(): void;
}

/** Somebody waits, as long as somebody requested within this time, in ms: more than the longest check. */
export const WANTED_FOR = 15_000;

/** A half-open connection checks like a quiet one: it is tried this often, in ms, while somebody waits. */
export const TRY_EVERY = 3_000;

/** It counts as dead without an answer for this long, in ms. */
export const TRY_TIMEOUT = 2_000;
