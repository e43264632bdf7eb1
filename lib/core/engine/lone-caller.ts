/** The only caller of a key: it needs no queue and no coordinator, until somebody else wants the key. */
import type { LockStoreError } from '../../errors/index.js';
import { type BatchOwner, LeaseBatch } from '../batches/lease-batch.js';
import type { ExchangeReply } from '../contracts/store.contract.js';
import { FenceSupply } from '../leases/fence-supply.js';
import { Lease } from '../leases/lease.js';
import type { Caller } from '../queue/caller.js';
import { Waiter } from '../queue/waiter.js';
import { PendingRequest } from '../requests/pending-request.js';
import type { Requester } from '../requests/request-receiver.js';
import type { DeadlineTimer } from '../runtime/deadline-timer.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ExchangeReceiver, ReleaseOutcome } from '../runtime/session-commands.js';
import type { Clock } from '../time/clock.js';
import type { KeyParts } from './key-parts.js';

/**
 * The states of a lone caller, and the cells of the other tables that they stand for:
 * - `requesting`: the request is `requesting`, and nothing is served.
 * - `exclusive`: the request is `idle`, and an exclusive lease is served.
 */
export type LoneState = 'requesting' | 'exclusive';

export type LoneEvent =
  | 'granted'
  /** Each other reply, and a failure of the store. */
  | 'not granted'
  /** Another caller, an offer, a reconnection, a shutdown or an inspection needs the key's coordinator. */
  | 'wanted'
  /** The caller's deadline has come, or its signal was aborted. */
  | 'caller leaves'
  | 'lease over, callers wait'
  | 'lease over, nobody waits';

export type LoneEffect =
  /** The request is granted: the caller is served. */
  | 'serve'
  /** Releases the lease, and forgets the key. */
  | 'release'
  /** A coordinator takes over in the same states, and gets the event. */
  | 'promote';

export const LONE_TABLE: Readonly<Record<LoneEvent, Partial<Record<LoneState, LoneEffect>>>> = {
  granted: { requesting: 'serve' },
  'not granted': { requesting: 'promote' },
  wanted: { requesting: 'promote', exclusive: 'promote' },
  // The caller waits in the state `exclusive` too, while the lease is renewed for it.
  'caller leaves': { requesting: 'promote', exclusive: 'promote' },
  'lease over, callers wait': { exclusive: 'promote' },
  'lease over, nobody waits': { exclusive: 'release' },
};

/** The key's coordinator, as a lone caller sees it. */
export interface Successor extends BatchOwner {
  readonly requester: Requester;
}

/** What a lone caller needs of the keys of its session. */
export interface LoneCallerHost {
  readonly context: EngineContext;
  /** Makes a coordinator that takes over. It stands in place of the lone caller from now on. */
  readonly promote: (caller: LoneCaller) => Successor;
  /** The lease is over, and nobody waits. */
  readonly onIdle: (caller: LoneCaller) => void;
}

export class LoneCaller implements BatchOwner, ExchangeReceiver {
  readonly key: string;
  readonly waiter: Waiter;
  readonly #request: PendingRequest;
  #batch: LeaseBatch | undefined;
  readonly #host: LoneCallerHost;
  readonly #context: EngineContext;
  #waits = true;
  #coordinator: Successor | undefined;

  constructor(key: string, host: LoneCallerHost, caller: Caller<unknown>, wait: number) {
    const { context } = host;
    this.key = key;
    this.#host = host;
    this.#context = context;
    const { session, tokens } = context;
    const mode = session.supportsQueue && session.canNotify(key) ? 'queue' : 'once';
    const { access } = caller.options;
    this.#request = new PendingRequest(tokens.next(access), mode, access);
    this.waiter = new Waiter(this, FIRST, caller, wait);
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get deadlines(): DeadlineTimer {
    return this.#context.deadlines;
  }

  get first(): Waiter | undefined {
    return this.#waits ? this.waiter : undefined;
  }

  shift(): Waiter | undefined {
    const { first } = this;
    this.#waits = false;
    return first;
  }

  run(): Promise<unknown> {
    const { key, waiter } = this;
    const request = this.#request;
    const { access, ttl } = waiter.options;
    const acquire = request.sending(
      request.mode,
      { access, ttl, callers: 1, upTo: FIRST },
      this.clock,
      undefined,
      waiter.caller.since,
    );
    this.#context.commands.exchange({ key, acquire }, this);
    return waiter.promise;
  }

  get state(): LoneState {
    return this.#batch === undefined ? 'requesting' : 'exclusive';
  }

  /** The request, while its command is under way. */
  get underWay(): PendingRequest | undefined {
    return this.#batch === undefined ? this.#request : undefined;
  }

  /** A coordinator gets the caller and its lease. What the waiter reports is still passed on to the coordinator. */
  moveTo(parts: KeyParts): void {
    parts.queue.adopt(this.waiter, this.#waits);
    if (this.#batch === undefined) return;
    parts.batches.adopt(this.#batch);
    this.#batch.owner = parts;
  }

  #effect(event: LoneEvent): LoneEffect | undefined {
    return this.#coordinator === undefined ? LONE_TABLE[event][this.state] : 'promote';
  }

  /** The coordinator that has taken over, or takes over now. */
  promoted(): Successor {
    return (this.#coordinator ??= this.#host.promote(this));
  }

  onFailure(error: LockStoreError): void {
    this.promoted().requester.onFailure(this.#request, error);
  }

  onReply({ acquire: reply }: ExchangeReply): void {
    const request = this.#request;
    if (reply === undefined) return;
    if (reply.state !== 'granted' || this.#effect('granted') !== 'serve')
      return this.promoted().requester.onReply(request, reply);
    request.unansweredSince = undefined;
    const context = this.#context;
    const { token, ttl } = request;
    const deadline = request.sentAt.plus(ttl);
    const lease = new Lease({ context, key: this.key, token, ttl, deadline, confirmed: true });
    const fences = new FenceSupply().add(reply.fence, reply.drawn, FIRST);
    this.#batch = new LeaseBatch({ context, lease, upTo: FIRST, fences, owner: this, concurrency: 1 });
    this.#batch.begin();
  }

  batchServed(): void {
    // There is no other caller.
  }

  batchEnded(batch: LeaseBatch, releaseAfter: number): Promise<ReleaseOutcome> {
    // The caller waits still if the lease was over before its hold could begin.
    const event = this.#waits ? 'lease over, callers wait' : 'lease over, nobody waits';
    if (this.#effect(event) !== 'release') return this.promoted().batchEnded(batch, releaseAfter);
    const { commands } = this.#context;
    try {
      return commands.release(this.key, commands.releaseRequest(this.key, batch.lease.token, releaseAfter));
    } finally {
      this.#host.onIdle(this);
    }
  }

  waiterDue(waiter: Waiter): void {
    this.promoted().waiterDue(waiter);
  }

  waiterLeft(waiter: Waiter): void {
    this.promoted().waiterLeft(waiter);
  }
}

/** The number of the first caller of a key. */
const FIRST = 1;
