/** What a process knows about a key's request: the present event, the latest replies and failures, and the guards. */
import { isLockError, type LockStoreError } from '../../errors/index.js';
import type {
  AcquireReply,
  Holder,
  LockStoreSession,
  Outage,
  ReleaseRequest,
} from '../contracts/store.contract.js';
import { type LockKind, sameAccess } from '../contracts/token.js';
import type { Clock } from '../time/clock.js';
import type { WaitQueue } from '../queue/wait-queue.js';
import type { PendingRequest } from './pending-request.js';
import type { RequestGuard } from './request-table.js';

export interface Offer {
  readonly token: string;
  readonly fence: number;
  /** True if another client may have made the offer. */
  readonly unverified: boolean;
}

export class RequestKnowledge {
  /** The reply that is being handled. */
  reply: AcquireReply | undefined;
  /** The offer that is being handled. */
  offer: Offer | undefined;
  /** How to release the lease that has just ended. */
  ended: ReleaseRequest | undefined;
  /** The latest failure, if no reply has come since. */
  failure: LockStoreError | undefined;
  /** The outage behind the latest failure, if it may be over in a moment: no caller with time is refused for it. */
  outage: Outage | undefined;
  /** How many times in a row the key was busy, or the store failed. */
  attempt = 0;
  /** The score by which a new request takes the place of the present one, if the queue forgets the token. */
  queueScore: number | undefined;
  /** The holder of the key, by the latest reply. */
  holder: Holder | undefined;
  readonly key: string;
  readonly #session: LockStoreSession;
  readonly queue: WaitQueue;

  constructor(
    key: string,
    session: LockStoreSession,
    queue: WaitQueue,
    public pending?: PendingRequest,
  ) {
    this.key = key;
    this.#session = session;
    this.queue = queue;
  }

  /** The failure for which a newcomer is refused at once. Undefined if the store may answer again in a moment. */
  get lastingFailure(): LockStoreError | undefined {
    return this.outage === undefined ? this.failure : undefined;
  }

  /** The kind that a kind conflict has named. */
  get conflict(): LockKind | undefined {
    return this.reply?.state === 'kind-conflict' ? this.reply.kind : undefined;
  }

  /** True while a command is under way, and its reply may be a grant. */
  get awaitsReply(): boolean {
    return this.pending?.unansweredSince !== undefined;
  }

  /** For how long the command under way has not been answered, in ms. */
  unansweredFor(clock: Clock): number {
    const since = this.pending?.unansweredSince;
    return since === undefined ? 0 : clock.monotonic() - since;
  }

  /** A command has failed. An error that a caller has caused, such as an invalid key, is no outage. */
  noteFailure(error: LockStoreError): void {
    this.failure = error;
    this.outage = isLockError(error, 'LOCK_STORE') ? this.#session.outage?.(this.key) : undefined;
  }

  /** The store has queued the request. */
  noteQueueScore(request: PendingRequest | undefined): void {
    if (this.reply?.state !== 'queued') return;
    request?.noteQueued(this.reply);
    this.queueScore = this.reply.queueScore;
    this.attempt = 0;
  }

  /**
   * A lease is over, or has admitted its callers. The holder that was known does not hold the key any more.
   * @param served true if the lease has served callers, or could have. The next request then enters the store's queue
   * at the end.
   */
  leaseServed(served: boolean): void {
    if (served) this.queueScore = undefined;
    this.holder = undefined;
  }

  /** No caller waits any more. What was learnt must not affect a caller that comes while other leases still run. */
  forget(): void {
    this.failure = this.outage = undefined;
    this.attempt = 0;
    this.leaseServed(true);
  }

  /** Whether the store can queue the key, and grants can reach this process now. */
  get canNotify(): boolean {
    return this.#session.supportsQueue && this.#session.canNotify(this.key);
  }

  holds(guard: RequestGuard): boolean {
    const { pending, offer, reply } = this;
    switch (guard) {
      case 'offer is ours':
        return offer !== undefined && offer.token === pending?.token;
      case 'offer is good':
        return offer !== undefined && offer.token === pending?.token && offer.fence > pending.floor;
      case 'kept offer is good':
        return reply?.state === 'queued' && (pending?.offer ?? 0) > reply.fence;
      case 'supports queue':
        return this.#session.supportsQueue;
      case 'can notify':
        return this.canNotify;
      case 'could queue':
        return pending?.mode === 'once' && this.canNotify;
      case 'outage is short':
        return this.outage !== undefined;
      case 'access differs': {
        const first = this.queue.first?.options.access;
        return first !== undefined && pending !== undefined && !sameAccess(pending.access, first);
      }
    }
  }
}
