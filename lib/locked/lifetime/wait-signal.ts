/**
 * Ends the wait for a lock when nothing waits for the result of the call any more. Nearly all waits end by themselves
 * within a millisecond or two. So a wait begins to listen to its response only after it has lasted for a while.
 */
import { LinkedList, type ListNode } from '../../core/util/linked-list.js';
import { onAbort, OwnSignal } from '../../core/util/shared-listeners.js';
import { systemClock } from '../../core/time/clock.js';
import type { HandlerScope } from '../handler-scope.js';
import type { LockedCall } from '../locked-call.interface.js';
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

/** Whether the signal has aborted is read when it is asked for. Listeners are attached while a wait needs them. */
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
    if (this.#own?.aborted === true) this.#abort(this.#own.reason);
    else if (this.#withdrawn?.aborted === true) this.#abort(this.#withdrawn.reason);
    else if (this.#isClientGone()) this.#abort(new Error(GONE));
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  onAbort(callback: () => void): () => void {
    const stops: Array<() => void> = [];
    const abort = (reason: unknown): void => {
      this.#abort(reason);
      callback();
    };
    for (const signal of [this.#own, this.#withdrawn]) {
      if (signal !== undefined) stops.push(onAbort(signal, () => abort(signal.reason)));
    }
    if (this.#scope !== undefined) {
      const gone = (): void => abort(new Error(GONE));
      stops.push(this.#scope.onEnd(gone));
      const exchange = exchangeOf(this.#scope);
      if (exchange !== undefined) stops.push(new ResponseWatch(exchange, gone).stop);
    }
    return () => {
      for (const stop of stops.splice(0)) stop();
    };
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

  #abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
  }
}

/** Waits for the end of one response: without a listener at first, with listeners later. */
class ResponseWatch {
  #exchange: HttpExchange;
  #callback: () => void;
  #node: ListNode<ResponseWatch> | undefined;
  #stop: (() => void) | undefined;

  constructor(exchange: HttpExchange, callback: () => void) {
    this.#exchange = exchange;
    this.#callback = callback;
    this.#node = young.push(this);
    listenSoon();
  }

  /** If the response is over by now, the callback is called at once. */
  listen(): void {
    this.#node = undefined;
    this.#stop = onResponseOver(this.#exchange, this.#callback);
  }

  readonly stop = (): void => {
    if (this.#node?.listed === true) young.remove(this.#node);
    this.#stop?.();
  };
}

/** The watches that do not listen yet. */
const young = new LinkedList<ResponseWatch>();
let timed = false;

/** One timer serves all watches of the process. */
function listenSoon(): void {
  if (timed) return;
  timed = true;
  systemClock.schedule(() => {
    timed = false;
    for (let watch = young.shift(); watch !== undefined; watch = young.shift()) watch.listen();
  }, LISTEN_AFTER);
}
