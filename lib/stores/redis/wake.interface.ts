/** The way by which hand-offs reach a party: one channel on a single Redis, one for each slot in a Cluster. */
import type { TurnRequest } from '../../core/store.contract.js';

export interface Wake {
  /** Can it work at all? False from when the server turns out to lack a command for it. */
  readonly possible: boolean;
  /** Do hand-offs of the key arrive now? */
  isAwake(key: string): boolean;
  /** Told of every request that asks, from which it learns that somebody waits, and keeps an eye on the connection. */
  asks(request: TurnRequest): void;
  /** The queue forgot an ask for the key. It skips whom it cannot reach: is that why? */
  doubt(key: string): void;
  /**
   * Resolves once hand-offs of the key arrive, or it is known that they cannot ({@link possible}); stays pending while the
   * connection is down.
   * @throws LockStoreError when the server refuses the subscription.
   */
  listen(key: string): Promise<void>;
  end(): void;
}

/** Somebody waits, as long as somebody asked within this time, in ms: more than the longest look. */
export const WANTED_FOR = 15_000;

/** A half-open connection looks like a quiet one: it is tried this often, in ms, while somebody waits. */
export const TRY_EVERY = 3_000;

/** It counts as dead without an answer for this long, in ms. */
export const TRY_TIMEOUT = 2_000;
