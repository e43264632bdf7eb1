/** The contract between the core and a store: what a store does for a key, and what it tells the core. */
import type { Clock } from '../time/clock.js';
import type { StoreInspection } from './inspection.contract.js';
import type { LockKind } from './token.js';

/**
 * A place where locks live. Each `LockModule` in a process opens one session, and does everything through it.
 * `storeContract` of `nestjs-locked/testing` checks an implementation.
 */
export interface LockStore {
  /**
   * Opens a session. The session connects in the background. `open` never throws because the store is down.
   * @param sessionId a name that no other session uses: letters, digits, `-` and `_`. The tokens of the session contain
   * it (see {@link sessionIdOf}).
   */
  open(sessionId: string, listener: LockStoreListener): LockStoreSession;
  /** Ends everything that the store itself has opened. Idempotent; never rejects. */
  close(): Promise<void>;
  /**
   * The clock of a store for tests. The leases and the waits of its sessions follow this clock too.
   * @default the system's clock
   */
  readonly clock?: Clock;
}

/** What a store tells a session of its own accord. No method is called synchronously from within a verb. */
export interface LockStoreListener {
  /**
   * The key was handed to `token`, for {@link OFFER_MS} from the moment of the grant. `renew` confirms the offer.
   * @param unverified true if another client may have sent this message. No hold starts before the confirmation then,
   * and the fence is not used.
   */
  onGrant(key: string, token: string, fence: number, unverified?: boolean): void;
  /**
   * Grants can reach the session again after an interruption. Every queued request must be checked.
   * @param fenceDomain only the keys of this fence domain are concerned. Without it, all keys are.
   */
  onReconnected(fenceDomain?: string): void;
  /** The store answers again after it failed. Every lease should be renewed now. */
  onRecovered(): void;
  /** A message of another session, or of this one, for the inspection of locks. */
  onMessage?(message: string): void;
}

/** One session's connection to a store. All verbs are bounded in time, and idempotent by token. */
export interface LockStoreSession {
  /**
   * Whether a request can wait in the store's queue. If `false`, requests of mode `queue` are answered `busy`, and the
   * core polls. It may become `false` once, when the store finds that it lacks what a queue needs.
   */
  readonly supportsQueue: boolean;

  /**
   * How long a verb takes at most, in ms. A verb that has not answered by then fails by itself.
   * @default 10 s
   */
  readonly verbTimeout?: number;

  /** Whether grants of the key can reach the session now. The core sends requests of mode `queue` only while they can. */
  canNotify(key: string): boolean;

  /** Names the fence domain of the key. Fences of one domain can be compared with each other. */
  fenceDomainOf(key: string): string;

  /**
   * Releases one token and requests a lease for another token, in one atomic step. Either of the two may be absent.
   *
   * A release hands the key to the first live request of the queue, by `onGrant`. The requests behind it get the key as
   * well, as long as the next one may hold it beside the others. If no request is in the queue, the key is free.
   * @throws LockStoreError when the store failed or did not answer in time. Both tokens are dead then. The store releases
   * them by itself, and prevents a request that is still under way from taking effect later. The core goes on with a new
   * token. A `forced` release may have happened. It neither happens later nor is repeated.
   */
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;

  /**
   * Makes the remaining time of a lease at least `ttl`, confirms an offer, and draws further fences. When the call
   * returns its promise, the command has left the process, unless the connection is down.
   * @throws LockStoreError when the store failed or did not answer in time. The lease is then unchanged, or was renewed.
   */
  renew(request: RenewRequest): Promise<RenewReply>;

  /**
   * Called after an `exchange` for the key has failed. Returns the outage if the failure may be over in a moment:
   * callers that have time left then wait for its end. Returns undefined if the failure is no such outage, or has
   * lasted too long. A store without this method has no such outages.
   */
  outage?(key: string): Outage | undefined;

  /**
   * Makes grants of the key reach the session. Resolves once they do, or once `supportsQueue` has become `false`. The
   * promise stays pending while the store is down. Further calls return that same promise then, because each waiting key
   * calls again at every try.
   * @throws LockStoreError when grants will never reach the session, for example because it has no right to subscribe.
   */
  subscribe(key: string): Promise<void>;

  /** Absent if locks of the store cannot be inspected. */
  readonly inspection?: StoreInspection;

  /** Ends the session's own resources. Its tokens are not released. Idempotent; never rejects. */
  close(): Promise<void>;
}

/** A failure of the store that may be over in a moment. */
export interface Outage {
  /** For how long it is worthwhile to wait for the end of the outage, in ms. */
  readonly left: number;
  /** Whether `onRecovered` tells the end of the outage. If `false`, only the next try shows it. */
  readonly announced: boolean;
}

export interface ExchangeRequest {
  readonly key: string;
  readonly release?: ReleaseRequest;
  readonly acquire?: AcquireRequest;
}

export interface ReleaseRequest {
  readonly token: string;
  /**
   * Keep the token a holder for this long from now, in ms, then let it expire (a minimum hold). This step hands the key
   * only to requests that may hold it beside the token. After that time, the core releases the token for good.
   */
  readonly releaseAfter?: number;
  /** The token's holder has not released it (`forceRelease`). A failed exchange must not release it later. */
  readonly forced?: boolean;
}

export interface AcquireRequest {
  /**
   * A token that was never used before, made by the module. If the same token is sent again, it is the same
   * request. The token states its kind and limit ({@link accessOf}), and the store grants by them.
   *
   * - An exclusive token is granted while nobody holds the key.
   * - A shared token is granted while only shared tokens hold the key.
   * - A semaphore's token is granted while only semaphores' tokens hold the key, and fewer of them than its own limit.
   *
   * No token passes the queue. If other requests wait, a token waits behind them, even if the holders would admit it.
   */
  readonly token: string;
  /** The lease's length in ms, if the request is granted at once. */
  readonly ttl: number;
  /**
   * How many consecutive fences to draw, if the request is granted at once (≥ 1). The store may draw fewer, at least
   * one.
   */
  readonly fences: number;
  /**
   * - `once`: take the key if it is free and its queue is empty. Otherwise leave no trace.
   * - `queue`: wait in the queue if the key is not free. With `queueScore`, wait at that place.
   * - `check`: the token was answered `queued` before. Tell whether it is granted, still queued, or not queued any more.
   *   A check never enters the queue anew.
   */
  readonly mode: 'once' | 'queue' | 'check';
  /** The queue score of an earlier request of the same session that was lost, as the `queued` reply gave it. */
  readonly queueScore?: number;
}

export interface ExchangeReply {
  /**
   * Whether the released token was a holder. `false` without a `release`. Undefined if it is not known: the command may
   * have run twice, and its first reply was lost.
   */
  readonly released: boolean | undefined;
  /** Present exactly if the exchange had an `acquire`. */
  readonly acquire?: AcquireReply;
}

export type AcquireReply = Granted | Queued | Busy | NotQueued | KindConflict;

/**
 * The token holds the key, for at least the ttl of the request. If a holder's request is sent again, it is granted anew,
 * with new fences.
 */
export interface Granted {
  readonly state: 'granted';
  /** The first of the consecutive fences; `drawn` of them belong to this lease. */
  readonly fence: number;
  readonly drawn: number;
}

/** The token waits in the store's queue. */
export interface Queued extends Holder {
  readonly state: 'queued';
  /** With this score, a later request takes the same place in the queue, if this request is lost. */
  readonly queueScore: number;
  /** How many requests wait for the key, this one included. */
  readonly length: number;
  /** Whether this request is the first of the queue. */
  readonly first: boolean;
  /**
   * The latest fence of the key's fence domain. An offer with a fence that is not above this one was made, and has
   * ended, before this reply.
   */
  readonly fence: number;
}

/** The key is not free, and the token is not in the queue. */
export interface Busy extends Holder {
  readonly state: 'busy';
}

/** The store does not know the token: it was skipped, has expired, or was flushed. A new request needs another token. */
export interface NotQueued {
  readonly state: 'not-queued';
}

/**
 * Locks of an incompatible kind hold the key or queue for it: a semaphore beside exclusive or shared locks, or the
 * reverse. The request was not queued. Only requests of mode `once` and `queue` get this reply. The value of a foreign
 * client has no kind: a request for its key is answered `busy`, or waits in the queue.
 */
export interface KindConflict {
  readonly state: 'kind-conflict';
  /** The kind of the locks that hold the key or queue for it. */
  readonly kind: LockKind;
}

/** The holder of a key that is not free. */
export interface Holder {
  /**
   * How long the holder's lease still runs, in ms. `Infinity` if it has no expiry. 0 if the key has no holder, and only
   * requests queue for it. Of several shared holders, the last to end counts. Of a semaphore's holders, the first counts.
   */
  readonly remaining: number;
  /** That holder's token. Empty if the key has no holder, and only requests queue for it. */
  readonly holder: string;
}

export interface RenewRequest {
  readonly key: string;
  readonly token: string;
  /** In ms. */
  readonly ttl: number;
  /** How many further consecutive fences to draw; 0 for none. The store may draw fewer. */
  readonly fences: number;
}

export interface RenewReply {
  /** Whether the token holds the key. `false`: another token holds it, or no token does. */
  readonly held: boolean;
  /** The first of the fences that were drawn; 0 if none were. */
  readonly fence: number;
  /** How many fences were drawn, if they are not as many as were requested. */
  readonly drawn?: number;
}

/** How long an offer keeps the key for a token that has not confirmed it yet, in ms. */
export const OFFER_MS = 1000;
