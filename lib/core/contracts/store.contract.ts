/** The contract between the core and a store: what a key's state machine must do, in three verbs and a wake-up. */
import type { Clock } from '../time/clock.js';
import type { LockKind } from './token.js';

/**
 * A place where locks live. It opens one session for each session (a module in a process); everything a session does
 * goes through its session. `storeContract` of `nestjs-locked/testing` checks an implementation.
 */
export interface LockStore {
  /**
   * Opens a session. Connects in the background and never throws because the store is down.
   * @param session a name no other session uses: letters, digits, `-` and `_`. Tokens carry it (see {@link sessionIdOf}).
   */
  open(sessionId: string, listener: LockStoreListener): LockStoreSession;
  /** Ends everything the store itself opened. Idempotent; never rejects. */
  close(): Promise<void>;
  /** A store of tests: the leases and waits of its sessions go by this clock, too. @default the system's clock */
  readonly clock?: Clock;
}

/** What a store tells the session by itself. Never called synchronously from within a verb. */
export interface LockStoreListener {
  /**
   * The key was handed to `token`, for {@link OFFER_MS} from the moment of the grant: confirm it by `renew`.
   * @param unverified somebody else may have said so: nothing starts before the confirmation, and the fence is not used.
   */
  onGrant(key: string, token: string, fence: number, unverified?: boolean): void;
  /**
   * Grants can reach the session again after an interruption: whoever waits must check.
   * @param counter for keys of this counter only; without it, for all.
   */
  onReconnected(fenceDomain?: string): void;
  /** The store answers again after it failed: whoever holds should renew now. */
  onRecovered(): void;
}

/** One session's connection to a store. All verbs are bounded in time and idempotent by token. */
export interface LockStoreSession {
  /**
   * Can a request wait in the store's queue? Where not (`false`), requests of mode `queue` are answered `busy`, and the
   * caller tries again by itself. It may become `false`, once, when the store finds that it lacks what it takes.
   */
  readonly supportsQueue: boolean;

  /**
   * How long a verb takes at the most, in ms: by then it has failed by itself.
   * @default 10 s
   */
  readonly verbTimeout?: number;

  /** Can grants of the key reach the session now? Requests of mode `queue` are for then only. */
  canNotify(key: string): boolean;

  /** Names the counter that the key's fences come from: fences of one counter can be compared with each other. */
  fenceDomainOf(key: string): string;

  /**
   * Releases a token and requests with another, in one atomic step; either alone will do. Releasing hands the key to the
   * first live request of the queue (by `onGrant`), and to those behind it for as long as the next one may hold it too; or
   * frees it.
   *
   * @throws LockStoreError when the store failed or did not answer in time. Both tokens are dead then: the store gives
   * them up by itself, and keeps a request that is still under way from taking effect later. The caller goes on with a
   * new token.
   */
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;

  /**
   * Makes the remaining time of a lease at least `ttl`, confirms an offer, and draws further fences. The request has
   * left the process when the call returns its promise, unless the connection is down.
   * @throws LockStoreError when the store failed or did not answer in time: the lease stands as it stood, or was renewed.
   */
  renew(request: RenewRequest): Promise<RenewReply>;

  /**
   * Told after a `exchange` with the key has failed: is that an outage that may be over in a moment? Then whoever has time to
   * wait sits it out. Undefined: it is none, or has lasted too long. A store without it has no such outages.
   */
  outage?(key: string): Outage | undefined;

  /**
   * Makes grants of the key reach the session; resolves once they do, or `supportsQueue` has become `false`. Stays pending while
   * the store is down, and is the same promise then however often it is requested: each waiting caller sends a new request.
   * @throws LockStoreError when they never will (no right to subscribe).
   */
  subscribe(key: string): Promise<void>;

  /** Ends the session's own resources. Tokens are not released. Idempotent; never rejects. */
  close(): Promise<void>;
}

export interface Outage {
  /** For how long it is worth while to wait for its end, in ms. */
  readonly left: number;
  /** Is its end told, by `onRecovered`? Otherwise only the next try tells. */
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
   * Keep the token a holder for this long from now, in ms, then let it expire (a minimum hold). This step serves the queue
   * only as far as others may hold the key beside it: release again, without it, when that time is over.
   */
  readonly releaseAfter?: number;
}

export interface AcquireRequest {
  /**
   * Never used before, made by {@link TokenGenerator}; the same token repeated is the same request. It tells its kind
   * ({@link accessOf}), by which the store grants: an exclusive one while nobody holds the key, a shared one while none but
   * shared ones do, a semaphore's while fewer than its own limit do, all of them semaphores'. None passes the queue: who
   * could be let in by the holders, and finds others waiting, waits behind them.
   */
  readonly token: string;
  /** The lease's length in ms, if it is granted at once. */
  readonly ttl: number;
  /** How many consecutive fences to draw, if it is granted at once (≥ 1); fewer will do, but one. */
  readonly fences: number;
  /**
   * - `once`: take the key if it is free and nobody queues; leave no trace otherwise.
   * - `queue`: wait in the queue if it is not free. With `queueScore`, at that place.
   * - `check`: the token was answered `queued` before: is it granted, still queued, or gone? Never enters anew.
   */
  readonly mode: 'once' | 'queue' | 'check';
  /** The place of an earlier request of the same session that went lost, as its `queued` reply gave it. */
  readonly queueScore?: number;
}

export interface ExchangeReply {
  /**
   * Was the given-up token the owner, or one of them? `false` without a `release`; undefined where it is not known: the command may have
   * run twice, and its first answer was lost.
   */
  readonly released: boolean | undefined;
  /** Present exactly if there was a request. */
  readonly acquire?: AcquireReply;
}

export type AcquireReply = Granted | Queued | Busy | NotQueued | KindConflict;

/** The key is ours for at least the ttl that was requested. A request repeated by its owner is granted anew, with new fences. */
export interface Granted {
  readonly state: 'granted';
  /** The first of the consecutive fences; `drawn` of them are ours. */
  readonly fence: number;
  readonly drawn: number;
}

export interface Queued extends Holder {
  readonly state: 'queued';
  /** To take the place back with, should it go lost. */
  readonly queueScore: number;
  /** How many requests wait for the key, this one included. */
  readonly length: number;
  /** Is this one the first? */
  readonly first: boolean;
  /** The latest fence of the key's counter. An offer whose fence is not above it was made, and has ended, before. */
  readonly fence: number;
}

export interface Busy extends Holder {
  readonly state: 'busy';
}

/** The store does not know the token: it was skipped, expired or flushed. Request anew, with another token. */
export interface NotQueued {
  readonly state: 'not-queued';
}

/**
 * Locks of another kind hold the key or queue for it, with which the request's does not go: a semaphore's with an exclusive or
 * shared one, or the reverse. It was left out of the queue. An answer to `once` and `queue` only. A foreign client's value
 * is of no kind: it is `busy`, or waited for.
 */
export interface KindConflict {
  readonly state: 'kind-conflict';
  /** Of those that are there. */
  readonly kind: LockKind;
}

export interface Holder {
  /**
   * How long the holder's lease still runs, in ms; `Infinity` without an expiry; 0 when the key is only queued for. Of
   * several holders: of the last of shared ones, of the first of a semaphore's.
   */
  readonly remaining: number;
  /** That holder's token; empty when the key is only queued for. */
  readonly holder: string;
}

export interface RenewRequest {
  readonly key: string;
  readonly token: string;
  /** In ms. */
  readonly ttl: number;
  /** How many further consecutive fences to draw; 0 for none. Fewer will do. */
  readonly fences: number;
}

export interface RenewReply {
  /** `false`: others have the key, or nobody. */
  readonly held: boolean;
  /** The first of the fences that were drawn; 0 for none. */
  readonly fence: number;
  /** How many were drawn, where it is not as many as were requested. */
  readonly drawn?: number;
}

/** How long an offer keeps the key for a waiter that has not confirmed it yet, in ms. */
export const OFFER_MS = 1000;
