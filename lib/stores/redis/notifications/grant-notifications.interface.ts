/** How hand-offs reach a session: by one channel on a single Redis, or by one channel for each slot in a Cluster. */
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';

export interface GrantNotifications {
  /** Whether hand-offs can be notified. Becomes false when the server proves to lack a command for notifications. */
  readonly possible: boolean;
  /** Whether hand-offs of the key arrive now. */
  canNotify(key: string): boolean;
  /** Called before each exchange that acquires. If a caller waits, the connection is watched from then on. */
  onRequest(request: ExchangeRequest): void;
  /**
   * The queue does not know a request for the key any more. A waiter that cannot be reached is removed from the queue,
   * so the subscription is tested.
   */
  doubt(key: string): void;
  /**
   * Resolves when hand-offs of the key arrive, or when {@link possible} has become false. Stays pending while the
   * connection is down.
   * @throws LockStoreError when the server refuses the subscription.
   */
  subscribe(key: string): Promise<void>;
  end(): void;
}

/** A caller counts as waiting for this long after its latest request, in ms. Waiters check more often than this. */
export const WANTED_FOR = 15_000;

/**
 * A half-open connection cannot be told from a connection without messages. So the connection is tested this often, in
 * ms, while a caller waits.
 */
export const TRY_EVERY = 3_000;

/** A tested connection without an answer for this long, in ms, counts as dead. */
export const TRY_TIMEOUT = 2_000;
