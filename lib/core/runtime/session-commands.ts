/** The commands of an engine's session: each failure is reported, and each token goes back in the end. */
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

/** `lost`: the token did not hold the key any more. `unknown`: the store did not answer while the lease was still valid. */
export type ReleaseOutcome = 'released' | 'lost' | 'unknown';

/** What a reply says of the token that was released. */
export function outcomeOf(released: boolean | undefined): ReleaseOutcome {
  if (released === undefined) return 'unknown';
  return released ? 'released' : 'lost';
}

export class SessionCommands {
  /** The tokens of single attempts that are under way: nothing is ever handed to them. */
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
    return this.#session.exchange(request).then(onReply, (error: LockStoreError) => {
      // A key that the store cannot take is the caller's mistake.
      if (isLockError(error, 'LOCK_STORE')) this.#events.storeFailed(request.key, error);
      return onFailure(error);
    });
  }

  /** How to release a lease: at once, or `releaseAfter` ms later. A later release serves the queue as well. */
  releaseRequest(key: string, token: string, releaseAfter: number): ReleaseRequest {
    if (releaseAfter <= 0) return { token };
    this.#releasedLater.add(token);
    this.#tasks.later(releaseAfter, () => {
      this.#releasedLater.delete(token);
      this.releaseInBackground(key, token);
    });
    return { token, releaseAfter };
  }

  /** Releases a lease and tells whether the lease was still ours. Never rejects. */
  release(key: string, release: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.exchange<ReleaseOutcome>(
      { key, release },
      ({ released }) => outcomeOf(released),
      () => 'unknown',
    );
  }

  /** Releases a token that no caller waits for. If the release fails, the session sees to it. */
  releaseInBackground(key: string, token: string): void {
    if (!this.#tasks.closed) this.#tasks.track(runOutside(() => this.release(key, { token })));
  }

  /** An offer that nobody waits for goes back. An offer of a token that holds is none: another client has sent it. */
  decline(key: string, token: string): void {
    for (const attempt of this.attempts) if (attempt === token) return;
    if (!this.#releasedLater.has(token) && !this.#renewals.holds(token)) this.releaseInBackground(key, token);
  }
}
