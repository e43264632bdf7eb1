/** What a process knows of a key's request: the event at hand, the latest replies and failures, and the guards on them. */
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
  pending: PendingRequest | undefined;
  /** The reply to be judged. */
  reply: AcquireReply | undefined;
  /** The offer to be judged. */
  offer: Offer | undefined;
  /** The lease that has ended, to be released. */
  ended: ReleaseRequest | undefined;
  /** The latest failure, while no reply has come since. */
  failure: LockStoreError | undefined;
  /** The outage behind the latest failure, if it may be over in a moment: no caller with time is refused for it. */
  outage: Outage | undefined;
  /** How often in a row the store was busy, or failed. */
  attempt = 0;
  /** The place in the store's queue to take back, if the queue forgets the token. */
  queueScore: number | undefined;
  /** The holder of the key, by the latest reply. */
  holder: Holder | undefined;
  readonly #key: string;
  readonly #session: LockStoreSession;
  readonly #queue: WaitQueue;

  constructor(key: string, session: LockStoreSession, queue: WaitQueue) {
    this.#key = key;
    this.#session = session;
    this.#queue = queue;
  }

  /** Why a newcomer is refused at once: the store fails, and not for a moment only. */
  get lastingFailure(): LockStoreError | undefined {
    return this.outage === undefined ? this.failure : undefined;
  }

  /** The kind that a kind conflict has named. */
  get conflict(): LockKind | undefined {
    return this.reply?.state === 'kind-conflict' ? this.reply.kind : undefined;
  }

  /** True while a command is under way whose reply may be a grant. */
  get awaitsReply(): boolean {
    return this.pending?.unansweredSince !== undefined;
  }

  /** For how long the command under way has not been answered, in ms. */
  unansweredFor(clock: Clock): number {
    const since = this.pending?.unansweredSince;
    return since === undefined ? 0 : clock.monotonic() - since;
  }

  /** A command has failed. An error that the caller has caused is no outage. */
  noteFailure(error: LockStoreError): void {
    this.failure = error;
    this.outage = isLockError(error, 'LOCK_STORE') ? this.#session.outage?.(this.#key) : undefined;
  }

  /** The store has queued the request. */
  noteQueueScore(request: PendingRequest | undefined): void {
    if (this.reply?.state !== 'queued') return;
    request?.noteQueued(this.reply);
    this.queueScore = this.reply.queueScore;
    this.attempt = 0;
  }

  /**
   * A lease is over, or has admitted its callers. The holder that was known is of the past.
   * @param served true if the lease has served, or could have: the next request enters the store's queue behind all others.
   */
  leaseServed(served: boolean): void {
    if (served) this.queueScore = undefined;
    this.holder = undefined;
  }

  /** No caller waits any more. A caller that comes while other leases run must not inherit what was learnt. */
  forget(): void {
    this.failure = this.outage = undefined;
    this.attempt = 0;
    this.leaseServed(true);
  }

  /** The store's queue can reach this process now. */
  get canNotify(): boolean {
    return this.#session.supportsQueue && this.#session.canNotify(this.#key);
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
        const first = this.#queue.first?.options.access;
        return first !== undefined && pending !== undefined && !sameAccess(pending.access, first);
      }
    }
  }
}
