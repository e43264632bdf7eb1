/**
 * Ends the wait for a lock when nothing waits for the result of the call any more. Nearly all waits end by themselves
 * within a millisecond or two. So a wait begins to listen to its response only after it has lasted for a while.
 */
import { LinkedList, type ListNode } from '../../core/util/linked-list.js';
import { onAbort, OwnSignal } from '../../core/util/shared-listeners.js';
import { systemClock } from '../../core/time/clock.js';
import type { HandlerScope } from '../handler-scope.js';
import type { LockedCall } from '../locked-call.js';
import { GONE } from './client-disconnect.js';
import { exchangeOf, type HttpExchange, isResponseOver, onResponseOver } from './http-exchange.js';

/** For how long a wait may last before it listens to its response, in ms. */
const LISTEN_AFTER = 5;

/**
 * The signal that ends the wait of a call early. It is aborted by the signals of the caller, at the end of the scope,
 * and when the client disconnects. Undefined if nothing can end the wait early.
 */
export function waitSignal(
  { scope }: LockedCall,
  own: AbortSignal | undefined,
  withdrawn: AbortSignal | undefined,
): AbortSignal | WaitSignal | undefined {
  if (scope === undefined && (own === undefined || withdrawn === undefined)) return own ?? withdrawn;
  return new WaitSignal(scope, own, withdrawn);
}

/** Whether the signal has aborted is found out by each reading of `aborted`. Listeners are attached while a wait needs them. */
export class WaitSignal extends OwnSignal {
  #scope: HandlerScope | undefined;
  #own: AbortSignal | undefined;
  #withdrawn: AbortSignal | undefined;
  #aborted = false;
  #reason: unknown;

  constructor(
    scope: HandlerScope | undefined,
    own: AbortSignal | undefined,
    withdrawn: AbortSignal | undefined,
  ) {
    super();
    this.#scope = scope;
    this.#own = own;
    this.#withdrawn = withdrawn;
  }

  get aborted(): boolean {
    if (this.#aborted) return true;
    if (this.#own?.aborted === true) this.abort(this.#own.reason);
    else if (this.#withdrawn?.aborted === true) this.abort(this.#withdrawn.reason);
    else if (this.#isClientGone()) this.abort(new Error(GONE));
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  onAbort(callback: () => void): () => void {
    const listening = new Listening(this, callback);
    listening.begin(this.#scope, this.#own, this.#withdrawn);
    return () => listening.stop();
  }

  /** The first reason counts. @internal */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
  }

  /** An AbortSignal in place of this one, for code outside of this library. @returns the signal, and its end */
  toAbortSignal(): { readonly signal: AbortSignal; readonly end: () => void } {
    const controller = new AbortController();
    const abort = (): void => controller.abort(this.#reason);
    if (!this.aborted) return { signal: controller.signal, end: this.onAbort(abort) };
    abort();
    return { signal: controller.signal, end: () => {} };
  }

  /** The wait is over. A caller may keep its lock for long, and must not keep its request with it. */
  end(): void {
    this.#scope = undefined;
    this.#own = undefined;
    this.#withdrawn = undefined;
  }

  #isClientGone(): boolean {
    if (this.#scope === undefined) return false;
    if (this.#scope.ended) return true;
    const exchange = exchangeOf(this.#scope);
    return exchange !== undefined && isResponseOver(exchange);
  }
}

/**
 * One listener of a WaitSignal. After `stop` it refers to nothing. V8 may make a list or a literal in its old generation,
 * and then keeps what a dead one refers to, which would be the whole request. So there are fields in place of a list.
 */
class Listening {
  #signal: WaitSignal | undefined;
  #callback: (() => void) | undefined;
  #exchange: HttpExchange | undefined;
  #node: ListNode<Listening> | undefined;
  #stopScope: (() => void) | undefined;
  #stopOwn: (() => void) | undefined;
  #stopWithdrawn: (() => void) | undefined;
  #stopResponse: (() => void) | undefined;

  constructor(signal: WaitSignal, callback: () => void) {
    this.#signal = signal;
    this.#callback = callback;
  }

  begin(
    scope: HandlerScope | undefined,
    own: AbortSignal | undefined,
    withdrawn: AbortSignal | undefined,
  ): void {
    if (own !== undefined) this.#stopOwn = onAbort(own, () => this.#abort(own.reason));
    if (withdrawn !== undefined)
      this.#stopWithdrawn = onAbort(withdrawn, () => this.#abort(withdrawn.reason));
    if (scope === undefined) return;
    this.#stopScope = scope.onEnd(() => this.#gone());
    this.#exchange = exchangeOf(scope);
    if (this.#exchange === undefined) return;
    this.#node = young.push(this);
    listenSoon();
  }

  /** Begins to listen to the response. If the response is over by now, the signal aborts at once. */
  listen(): void {
    this.#node = undefined;
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const stop = onResponseOver(exchange, () => this.#gone());
    // The response may be over by now, and the wait has stopped then.
    if (this.#signal === undefined) stop();
    else this.#stopResponse = stop;
  }

  stop(): void {
    if (this.#node !== undefined) young.remove(this.#node);
    this.#stopScope?.();
    this.#stopOwn?.();
    this.#stopWithdrawn?.();
    this.#stopResponse?.();
    this.#signal = this.#callback = this.#exchange = this.#node = undefined;
    this.#stopScope = this.#stopOwn = this.#stopWithdrawn = this.#stopResponse = undefined;
  }

  #gone(): void {
    this.#abort(new Error(GONE));
  }

  #abort(reason: unknown): void {
    this.#signal?.abort(reason);
    this.#callback?.();
  }
}

/** The listeners that do not listen to their response yet. */
const young = new LinkedList<Listening>();
let timed = false;

/** One timer serves all waits of the process. */
function listenSoon(): void {
  if (timed) return;
  timed = true;
  systemClock.schedule(() => {
    timed = false;
    for (let each = young.shift(); each !== undefined; each = young.shift()) each.listen();
  }, LISTEN_AFTER);
}
