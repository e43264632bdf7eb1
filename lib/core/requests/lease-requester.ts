/** The request of one key in the store: performs the moves of the request table, and sends the commands. */
import type { LockStoreError } from '../../errors/index.js';
import type { AcquireReply, AcquireRequest, ReleaseRequest } from '../contracts/store.contract.js';
import { EXCLUSIVE } from '../contracts/token.js';
import type { WaitQueue } from '../queue/wait-queue.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ReleaseOutcome } from '../runtime/session-commands.js';
import type { Subscriber, Subscription } from '../runtime/subscriptions.js';
import { checkDelay, outageDelay, pollDelay, retryDelay, yieldDelay } from './backoff.js';
import { PendingRequest } from './pending-request.js';
import type { RequestKnowledge } from './request-knowledge.js';
import { type Requester, RequestReceiver } from './request-receiver.js';
import {
  EVENT_OF,
  moveOf,
  type RequestEffect,
  type RequestEvent,
  type RequestOwner,
  type RequestState,
} from './request-table.js';

type Mode = AcquireRequest['mode'];

/** The requester itself gets events of the store and of timers. The coordinator tells it events of callers and leases. */
export class LeaseRequester implements Subscriber, Requester {
  readonly #key: string;
  readonly #context: EngineContext;
  readonly #queue: WaitQueue;
  readonly known: RequestKnowledge;
  readonly #owner: RequestOwner;
  #state: RequestState = 'idle';
  /** The outcome of the command that releases the ended lease. */
  #outcome: Promise<ReleaseOutcome> | undefined;
  /** Pending until grants can reach this process. */
  #subscription: Subscription | undefined;

  /** @param known if it has a request, the first command of this request is under way. */
  constructor(context: EngineContext, known: RequestKnowledge, owner: RequestOwner) {
    this.#key = known.key;
    this.#context = context;
    this.#queue = known.queue;
    this.known = known;
    this.#owner = owner;
    if (known.pending !== undefined) this.#state = 'requesting';
  }

  // ---- events of the coordinator

  /** Callers wait. If there is a request, the first waiter may need another one. */
  callersWait(): void {
    this.#move(this.#state === 'idle' ? 'callers wait' : 'kind changed');
  }

  nobodyWaits(): void {
    this.#move('nobody waits');
  }

  /** A lease has ended while callers wait. The release shares a command with the next request, if it can. */
  leaseOver(release: ReleaseRequest): Promise<ReleaseOutcome> {
    this.known.ended = release;
    this.#move('lease over');
    const outcome = this.#outcome ?? this.#context.commands.release(this.#key, release);
    this.known.ended = this.#outcome = undefined;
    return outcome;
  }

  // ---- events of the store and of timers

  /** The store hands the key to a token of this session. */
  onGrant(token: string, fence: number, unverified: boolean): void {
    this.known.offer = { token, fence, unverified };
    this.#event('offer');
    this.known.offer = undefined;
  }

  /** The store, or its connection for grants, is back. Messages may have been lost. */
  onReconnected(): void {
    this.#event('reconnected');
  }

  /** Grants can reach this process now. A request that was sent in the mode `queue` meanwhile has missed no message. */
  subscribed(): void {
    this.#event('subscribed');
  }

  cannotSubscribe(error: LockStoreError): void {
    this.#owner.perform('refuse all', undefined, error);
  }

  onReply(request: PendingRequest, reply: AcquireReply): void {
    request.unansweredSince = undefined;
    this.known.failure = undefined;
    if (request !== this.known.pending) {
      // The token was released after this command was sent. The store may have run the two in the other order.
      if (reply.state !== 'granted' && reply.state !== 'queued') return;
      return this.#context.commands.releaseInBackground(this.#key, request.token);
    }
    this.known.reply = reply;
    this.#owner.perform('begun');
    try {
      if (reply.state === 'queued' || reply.state === 'busy') {
        this.known.holder = reply;
        this.#owner.perform('tell busy');
      }
      this.#move(EVENT_OF[reply.state]);
    } finally {
      this.known.reply = undefined;
      this.#owner.perform('answered');
      this.#owner.perform('settled');
    }
  }

  onFailure(request: PendingRequest, error: LockStoreError): void {
    request.unansweredSince = undefined;
    if (request !== this.known.pending) return;
    this.known.noteFailure(error);
    this.#event('store failed');
  }

  // ---- moves

  #event(event: RequestEvent): void {
    this.#owner.perform('begun');
    try {
      this.#move(event);
    } finally {
      this.#owner.perform('settled');
    }
  }

  #move(event: RequestEvent): void {
    const move = moveOf(this.#state, event, this.known);
    if (move === undefined) return;
    const request = this.known.pending;
    this.#state = move.to;
    if (move.to === 'idle') {
      request?.setTimer(undefined);
      this.known.pending = undefined;
      this.#unsubscribe();
    }
    for (const effect of move.effects) this.#do(effect, request);
  }

  #do(effect: RequestEffect, request: PendingRequest | undefined): void {
    const { ended, offer, reply, outage, failure } = this.known;
    switch (effect) {
      case 'send':
        return void this.#send();
      case 'send and release':
        return void (this.#outcome = this.#send(ended));
      case 'replace':
        this.#unsubscribe();
        return void this.#send(request && { token: request.token });
      case 'check':
        return void this.#check(request);
      case 'check and release':
        return void (this.#outcome = this.#check(request, ended));
      case 'release':
        return void (this.#outcome = ended && this.#context.commands.release(this.#key, ended));
      case 'withdraw':
        return request && this.#context.commands.releaseInBackground(this.#key, request.token);
      case 'recheck':
        if (request !== undefined) request.recheck = true;
        return;
      case 'keep offer':
        return offer && request?.keep(offer);
      case 'return offer':
        return offer && this.#context.commands.decline(this.#key, offer.token);
      case 'note queue score':
        return this.known.noteQueueScore(request);
      case 'await offer':
        if (reply?.state === 'queued') this.#timer(request, request?.takeRecheck() ? 0 : checkDelay(reply));
        return;
      case 'subscribe':
        return this.#subscribe();
      case 'poll':
        if (reply?.state === 'busy') this.#timer(request, pollDelay(reply, (this.known.attempt += 1)));
        return;
      case 'retry':
        return this.#timer(request, retryDelay((this.known.attempt += 1)));
      case 'await recovery':
        return outage && this.#timer(request, outageDelay(outage));
      case 'yield':
        this.known.pending = new PendingRequest(this.#context.tokens.next(), 'once', EXCLUSIVE);
        return this.#timer(this.known.pending, yieldDelay());
      case 'forget':
        return this.known.forget();
      case 'serve':
        this.known.attempt = 0;
        if (reply?.state === 'granted' && request !== undefined) request.grant = reply;
        return this.#owner.perform(effect, request);
      case 'serve offer':
        if (offer?.token === request?.token && offer !== undefined) request?.keep(offer);
        return this.#owner.perform(effect, request);
      case 'refuse conflict':
      case 'refuse uninformed':
      case 'refuse overdue':
        return this.#owner.perform(effect, request, failure);
    }
  }

  #timer(request: PendingRequest | undefined, delay: number): void {
    request?.setTimer(this.#context.clock.schedule(() => this.#event('timer'), delay));
  }

  // ---- commands

  #send(release?: ReleaseRequest): Promise<ReleaseOutcome> | undefined {
    const mode = this.known.canNotify ? 'queue' : 'once';
    const access = this.#queue.first?.options.access ?? EXCLUSIVE;
    const request = new PendingRequest(this.#context.tokens.next(access), mode, access);
    this.known.pending?.setTimer(undefined);
    this.known.pending = request;
    return this.#command(request, mode, release);
  }

  #check(request: PendingRequest | undefined, release?: ReleaseRequest): Promise<ReleaseOutcome> | undefined {
    request?.setTimer(undefined);
    return request && this.#command(request, 'check', release);
  }

  /** @returns the outcome of the release, if there is one. */
  #command(
    request: PendingRequest,
    mode: Mode,
    release?: ReleaseRequest,
  ): Promise<ReleaseOutcome> | undefined {
    const queueScore = mode === 'queue' ? this.known.queueScore : undefined;
    const acquire = request.sending(mode, this.#queue.nextBatch(), this.#context.clock, queueScore);
    const { commands } = this.#context;
    const exchange = { key: this.#key, release, acquire };
    if (release === undefined) return void commands.exchange(exchange, new RequestReceiver(this, request));
    return new Promise((resolve) => {
      commands.exchange(exchange, new RequestReceiver(this, request, resolve));
    });
  }

  /** Makes grants reach this process, if the store queues, and grants do not reach this process yet. */
  #subscribe(): void {
    if (!this.#context.session.supportsQueue || this.known.canNotify) return;
    this.#unsubscribe();
    this.#subscription = this.#context.subscriptions.subscribe(this.#key, this);
  }

  #unsubscribe(): void {
    this.#subscription?.cancel();
    this.#subscription = undefined;
  }
}
