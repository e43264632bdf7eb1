/** What a coordinator has in the store: one request for the callers at the front of its queue, from the sending to the grant. */
import { isLockError, type LockStoreError } from '../../errors/index.js';
import { Deadline } from '../time/deadline.js';
import type { WaitQueue } from '../queue/wait-queue.js';
import { checkDelay, outageDelay, pollDelay, retryDelay, yieldDelay } from './backoff.js';
import { outcomeOf, type EngineContext, type ReleaseOutcome } from '../runtime/engine-context.js';
import { PendingRequest } from './pending-request.js';
import {
  type AcquireReply,
  type AcquireRequest,
  type ReleaseRequest,
  type ExchangeRequest,
  type Granted,
  type Holder,
  OFFER_MS,
} from '../contracts/store.contract.js';
import type { Subscriber, Subscription } from '../runtime/subscriptions.js';
import { EXCLUSIVE, type LockKind, type LockAccess, sameAccess } from '../contracts/token.js';

/** What a command was sent with. */
export interface Sent {
  /** When. */
  readonly sent: Deadline;
  /** In ms. */
  readonly ttl: number;
  /** The number of the last caller that it requested. */
  readonly upTo: number;
}

/** Whom an requester requests. The request is `taken` when it is told of a grant. */
export interface RequesterHost {
  /** A reply granted it. */
  granted(request: PendingRequest, reply: Granted, sent: Sent): void;
  /** The key was handed to it, for a while. */
  handed(request: PendingRequest, fence: number, doubtful: boolean): void;
  /** Locks of another kind are there: those who were requested, up to this one, must be refused. */
  mixed(kind: LockKind, access: LockAccess, upTo: number): void;
  /** That the key is busy is known. */
  knownBusy(): void;
  /** An answer has come, and what follows from it is done. */
  answered(): void;
}

/**
 * States: none → sent → queued (a timer checks) or resting (a timer sends a new request) → … → taken, or left; see {@link RequestState}.
 *
 * Invariant: a request is on its way, which the store's time-out bounds, or has a timer set. So no message is waited for
 * longer than the timer, whatever got lost.
 */
export class LeaseRequester implements Subscriber {
  readonly #key: string;
  readonly #context: EngineContext;
  readonly #queue: WaitQueue;
  readonly #host: RequesterHost;
  #request: PendingRequest | undefined;
  /** The latest failure, while no answer came since. */
  #trouble: LockStoreError | undefined;
  /** May that be over in a moment? Then nobody is refused for it who has time to wait. */
  #passing = false;
  /** How often in a row the store was busy, or failed. */
  #attempt = 0;
  /** The place to take back, if the queue forgets us. */
  #queueScore: number | undefined;
  #holder: Holder | undefined;
  /** Waits for grants to reach us. */
  #subscription: Subscription | undefined;

  constructor(key: string, context: EngineContext, queue: WaitQueue, host: RequesterHost) {
    this.#key = key;
    this.#context = context;
    this.#queue = queue;
    this.#host = host;
  }

  get requesting(): boolean {
    return this.#request !== undefined;
  }

  get trouble(): LockStoreError | undefined {
    return this.#trouble;
  }

  /** Why newcomers need not wait. */
  get hopeless(): LockStoreError | undefined {
    return this.#passing ? undefined : this.#trouble;
  }

  /** Who holds the key, by the latest answer. */
  get holder(): Holder | undefined {
    return this.#holder;
  }

  /** Is a command under way whose reply may be a grant? */
  get awaitsReply(): boolean {
    return this.#request?.unansweredSince !== undefined;
  }

  /** How long the latest command has not been answered, in ms. */
  get silent(): number {
    const since = this.#request?.unansweredSince;
    return since === undefined ? 0 : this.#context.clock.monotonic() - since;
  }

  /**
   * A lease is over, or has let its callers in: what was known of other holders is of the past.
   * @param turn was it a hold? Then the next request begins anew, behind all others.
   */
  servedBy(exchange: boolean): void {
    if (exchange) this.#queueScore = undefined;
    this.#holder = undefined;
  }

  // ---- what comes in

  /** The store hands the key to one of our tokens. */
  onGrant(token: string, fence: number, doubtful: boolean): void {
    const request = this.#request;
    if (request === undefined || request.token !== token || request.state === 'backoff') {
      this.#context.decline(this.#key, token);
      return;
    }
    if (fence <= request.floor) return;
    // Should the command on its way fail, the token is dead: its answer, which must be here soon, decides.
    if (request.unansweredSince === undefined) this.#take(request, fence, doubtful);
    else if (request.offer === undefined || fence > request.offer) {
      request.offer = fence;
      request.doubtful = doubtful;
    }
  }

  #take(request: PendingRequest, fence: number, doubtful: boolean): void {
    this.#end('taken');
    this.#host.handed(request, fence, doubtful);
  }

  /** The store, or the way grants reach us, is back: messages may have been lost. */
  onReconnected(): void {
    const request = this.#request;
    if (request?.state === 'queued') this.#check(request);
    else if (request?.state === 'backoff') void this.send();
    // Its answer may be older than what was missed.
    else if (request?.state === 'sent') request.recheck = true;
  }

  #onAnswer(request: PendingRequest, reply: AcquireReply, sent: Sent): void {
    request.checking = false;
    request.unansweredSince = undefined;
    this.#trouble = undefined;
    if (request.state === 'taken') return;
    if (request.state === 'left') {
      // Its place was released behind it; this is for a store that may have changed their order.
      if (reply.state === 'granted' || reply.state === 'queued')
        this.#context.releaseInBackground(this.#key, request.token);
      return;
    }
    this.#goOn(request, reply, sent);
    // Last: those who are refused then may change what is requested.
    this.#host.answered();
  }

  #goOn(request: PendingRequest, reply: AcquireReply, sent: Sent): void {
    if (reply.state === 'granted') {
      this.#end('taken');
      this.#attempt = 0;
      return this.#host.granted(request, reply, sent);
    }
    if (reply.state === 'not-queued') return this.#onGone(request);
    if (reply.state === 'kind-conflict') {
      this.#end('left');
      return this.#host.mixed(reply.kind, request.access, sent.upTo);
    }
    this.#holder = reply;
    this.#host.knownBusy();
    if (reply.state === 'queued') {
      request.state = 'queued';
      request.offerEnds = sent.sent.plus(OFFER_MS);
      this.#queueScore = reply.queueScore;
      this.#attempt = 0;
      request.floor = reply.fence;
      // Had it been made since, and stood, the answer would have been "granted".
      if (request.offer !== undefined && request.offer > request.floor)
        return this.#take(request, request.offer, request.doubtful);
      request.offer = undefined;
      const delay = request.recheck ? 0 : checkDelay(reply);
      request.recheck = false;
      request.setTimer(this.#context.clock.schedule(() => this.#check(request), delay));
      return;
    }
    if (request.mode === 'once' && this.#listen()) void this.send();
    else this.#backOff(request, pollDelay(reply, (this.#attempt += 1)));
  }

  /** The queue forgot us: skipped while we could not be reached, flushed, or restarted. */
  #onGone(request: PendingRequest): void {
    if (this.#listen()) void this.send();
    else this.#backOff(request, retryDelay((this.#attempt += 1)));
  }

  #onFailure(request: PendingRequest, error: LockStoreError): void {
    request.checking = false;
    request.unansweredSince = undefined;
    if (!request.live) return;
    this.#trouble = error;
    const outage = isLockError(error, 'LOCK_STORE') ? this.#context.session.outage?.(this.#key) : undefined;
    this.#passing = outage !== undefined;
    this.#backOff(request, outage === undefined ? retryDelay((this.#attempt += 1)) : outageDelay(outage));
    if (outage === undefined) this.#queue.refuseUninformed(error);
    else this.#queue.refuseOverdue(() => error);
  }

  // ---- what goes out

  /** Requests those who wait in the queue, releasing a former lease in the same step. */
  send(release?: ReleaseRequest): Promise<ReleaseOutcome> {
    const { session, tokens } = this.#context;
    const mode: AcquireRequest['mode'] =
      session.supportsQueue && session.canNotify(this.#key) ? 'queue' : 'once';
    const access = this.#queue.first?.options.access ?? EXCLUSIVE;
    const request = new PendingRequest(tokens.next(access), mode, access);
    this.#request?.setTimer(undefined);
    this.#request = request;
    return this.#command(request, mode, release);
  }

  /** Releases a lease while others wait in the queue: in the same step as it requests them, where that can be. */
  sendAfter(release: ReleaseRequest): Promise<ReleaseOutcome> {
    const request = this.#request;
    if (request === undefined && this.#context.session.supportsQueue) return this.send(release);
    // What is released may be its own turn: it learns so by the reply, in place of an offer to be confirmed.
    if (request?.state === 'queued' && !request.checking) return this.#checkNow(request, release);
    const outcome = this.#context.release(this.#key, release);
    // Without a queue, to request in the same step would be to win every time: others must have a chance in between.
    if (request === undefined) this.#backOffAnew(yieldDelay());
    return outcome;
  }

  /**
   * Those who are first now share the key so: a request that requests otherwise is replaced by another one, at its place.
   */
  kindChanged(access: LockAccess): void {
    const request = this.#request;
    if (request === undefined || request.state === 'backoff' || sameAccess(request.access, access)) return;
    this.#end('left');
    void this.send({ token: request.token });
  }

  /** Nobody is left to request. */
  leave(): void {
    const request = this.#request;
    if (request === undefined) return;
    const known = request.state === 'sent' || request.state === 'queued';
    this.#end('left');
    if (known) this.#context.releaseInBackground(this.#key, request.token);
    // All of them are of the request that has left; whoever comes while other leases of ours run must not inherit them.
    this.#trouble = undefined;
    this.#attempt = 0;
    this.servedBy(true);
  }

  #check(request: PendingRequest): void {
    if (!request.checking) return void this.#checkNow(request);
    request.setTimer(undefined);
    request.recheck = true;
  }

  #checkNow(request: PendingRequest, release?: ReleaseRequest): Promise<ReleaseOutcome> {
    request.setTimer(undefined);
    request.checking = true;
    return this.#command(request, 'check', release);
  }

  #command(
    request: PendingRequest,
    mode: AcquireRequest['mode'],
    release?: ReleaseRequest,
  ): Promise<ReleaseOutcome> {
    const { ttl, callers, upTo } = this.#queue.nextBatch();
    const sent = Deadline.in(this.#context.clock, 0);
    request.offerEnds ??= sent.plus(OFFER_MS);
    request.upTo ??= upTo;
    request.unansweredSince = this.#context.clock.monotonic();
    const queueScore = mode === 'queue' ? this.#queueScore : undefined;
    const command: ExchangeRequest = {
      key: this.#key,
      release,
      acquire: { token: request.token, ttl, fences: callers, mode, queueScore },
    };
    return this.#context.exchange<ReleaseOutcome>(
      command,
      ({ released, acquire: reply }) => {
        if (reply !== undefined) this.#onAnswer(request, reply, { sent, ttl, upTo });
        return outcomeOf(released);
      },
      (error: LockStoreError) => {
        this.#onFailure(request, error);
        return 'unknown';
      },
    );
  }

  /** The request's token is dead: another one follows after `delay`. */
  #backOff(request: PendingRequest, delay: number): void {
    request.state = 'backoff';
    request.setTimer(this.#context.clock.schedule(() => void this.send(), delay));
  }

  #backOffAnew(delay: number): void {
    this.#request = new PendingRequest(this.#context.tokens.next(), 'once', EXCLUSIVE);
    this.#backOff(this.#request, delay);
  }

  /** Can the store's queue reach us? If it could and does not yet, sees to it. */
  #listen(): boolean {
    const { session } = this.#context;
    if (!session.supportsQueue) return false;
    if (session.canNotify(this.#key)) return true;
    this.#subscription?.leave();
    this.#subscription = this.#context.subscriptions.await(this.#key, this);
    return false;
  }

  subscribed(): void {
    // A request that has been sent meanwhile, on the store's word that it is awake, has missed nothing.
    if (this.#request?.state === 'backoff') void this.send();
  }

  unsubscribable(error: LockStoreError): void {
    this.#queue.refuseAll(error);
  }

  #end(state: 'taken' | 'left'): void {
    this.#subscription?.leave();
    this.#subscription = undefined;
    this.#request?.end(state);
    this.#request = undefined;
  }
}
