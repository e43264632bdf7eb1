/** The commands of an engine's session. Each failure is reported, and each token is released in the end. */
import { isLockError, type LockStoreError } from '../../errors/index.js';
import type {
  ExchangeReply,
  ExchangeRequest,
  LockStoreSession,
  ReleaseRequest,
} from '../contracts/store.contract.js';
import { runOutside } from '../time/outside.js';
import { LinkedList } from '../util/linked-list.js';
import type { BackgroundTasks } from './background-tasks.js';
import type { EventPublisher } from './event-publisher.js';
import type { RenewalTimer } from './renewal-timer.js';

/**
 * `lost`: the token did not hold the key any more. `unknown`: the store did not answer while the lease was still valid.
 */
export type ReleaseOutcome = 'released' | 'lost' | 'unknown';

/** What a reply says of the token that was released. */
export function outcomeOf(released: boolean | undefined): ReleaseOutcome {
  if (released === undefined) return 'unknown';
  return released ? 'released' : 'lost';
}

export class SessionCommands {
  /** The tokens of single attempts that are under way. The store never hands a key to them. */
  readonly attempts = new LinkedList<string>();
  readonly #session: LockStoreSession;
  readonly #events: EventPublisher;
  readonly #tasks: BackgroundTasks;
  readonly #renewals: RenewalTimer;
  /** Tokens that keep their key busy for a while after their release. */
  readonly #releasedLater = new Set<string>();

  constructor(
    session: LockStoreSession,
    events: EventPublisher,
    tasks: BackgroundTasks,
    renewals: RenewalTimer,
  ) {
    this.#session = session;
    this.#events = events;
    this.#tasks = tasks;
    this.#renewals = renewals;
  }

  /** `session.exchange`, with its failure reported. Resolves to the result of the callback that is called. */
  exchange<T>(
    request: ExchangeRequest,
    onReply: (reply: ExchangeReply) => T,
    onFailure: (error: LockStoreError) => T,
  ): Promise<T> {
    return this.#reply(request).then(onReply, (error: LockStoreError) => {
      // If the store cannot take the key, the caller made a mistake, and the store has not failed.
      if (isLockError(error, 'LOCK_STORE')) this.#events.storeFailed(request.key, error);
      return onFailure(error);
    });
  }

  /** The reply of the store. If a store throws in place of a promise that rejects, the key goes on all the same. */
  #reply(request: ExchangeRequest): Promise<ExchangeReply> {
    try {
      return this.#session.exchange(request);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * The request that releases a lease at once, or `releaseAfter` ms later. The later release serves the store's queue.
   */
  releaseRequest(key: string, token: string, releaseAfter: number): ReleaseRequest {
    if (releaseAfter <= 0) return { token };
    this.#releasedLater.add(token);
    this.#tasks.later(releaseAfter, () => {
      this.#releasedLater.delete(token);
      this.releaseInBackground(key, token);
    });
    return { token, releaseAfter };
  }

  /** Releases a lease. Resolves to whether the token still held the key. Never rejects. */
  release(key: string, release: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.exchange<ReleaseOutcome>(
      { key, release },
      ({ released }) => outcomeOf(released),
      () => 'unknown',
    );
  }

  /** Releases a token in the background. If the release fails, the store's session releases the token later. */
  releaseInBackground(key: string, token: string): void {
    if (!this.#tasks.closed) this.#tasks.track(runOutside(() => this.release(key, { token })));
  }

  /**
   * Returns an offer that no caller waits for. If its token holds a key, another client has sent the offer: it is
   * ignored.
   */
  decline(key: string, token: string): void {
    for (const attempt of this.attempts) if (attempt === token) return;
    if (!this.#releasedLater.has(token) && !this.#renewals.holds(token)) this.releaseInBackground(key, token);
  }
}
