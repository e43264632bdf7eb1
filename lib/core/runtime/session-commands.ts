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

/** Gets the outcome of an exchange: one of the two is called, once, and never before `exchange` has returned. */
export interface ExchangeReceiver {
  onReply(reply: ExchangeReply): void;
  onFailure(error: LockStoreError): void;
}

/**
 * What a session of this library may have beside the contract: `exchange` with a receiver. Two promises a command are a
 * good part of the CPU time of a lock.
 */
export interface ReceivingSession {
  exchangeFor(request: ExchangeRequest, receiver: ExchangeReceiver): void;
}

export class SessionCommands {
  /** The tokens of single attempts that are under way. The store never hands a key to them. */
  readonly attempts = new LinkedList<string>();
  readonly #session: LockStoreSession;
  readonly #receiving: ReceivingSession | undefined;
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
    const { exchangeFor } = session as Partial<ReceivingSession>;
    if (exchangeFor !== undefined) this.#receiving = session as LockStoreSession & ReceivingSession;
    this.#events = events;
    this.#tasks = tasks;
    this.#renewals = renewals;
  }

  /** `session.exchange`, with its failure reported. */
  exchange(request: ExchangeRequest, receiver: ExchangeReceiver): void {
    const reporting = new ReportingReceiver(request.key, receiver, this.#events);
    if (this.#receiving !== undefined) return this.#receiving.exchangeFor(request, reporting);
    this.#reply(request).then(
      (reply) => reporting.onReply(reply),
      (error: LockStoreError) => reporting.onFailure(error),
    );
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
    return new Promise((resolve) => this.exchange({ key, release }, new ReleaseReceiver(resolve)));
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

class ReleaseReceiver implements ExchangeReceiver {
  constructor(private readonly resolve: (outcome: ReleaseOutcome) => void) {}

  onReply({ released }: ExchangeReply): void {
    this.resolve(outcomeOf(released));
  }

  onFailure(): void {
    this.resolve('unknown');
  }
}

/** Reports failures of the store. */
class ReportingReceiver implements ExchangeReceiver {
  constructor(
    private readonly key: string,
    private readonly receiver: ExchangeReceiver,
    private readonly events: EventPublisher,
  ) {}

  onReply(reply: ExchangeReply): void {
    try {
      this.receiver.onReply(reply);
    } catch (error) {
      rejectLater(error);
    }
  }

  onFailure(error: LockStoreError): void {
    try {
      // If the store cannot take the key, the caller made a mistake, and the store has not failed.
      if (isLockError(error, 'LOCK_STORE')) this.events.storeFailed(this.key, error);
      this.receiver.onFailure(error);
    } catch (thrown) {
      rejectLater(thrown);
    }
  }
}

/** The store's client must not get an error of ours: it would take the connection for broken. */
function rejectLater(error: unknown): void {
  void Promise.reject(error instanceof Error ? error : new Error(String(error)));
}
