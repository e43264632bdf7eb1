/**
 * Tells when nothing waits for the result of a call any more. This can happen while the call waits for its lock, or
 * while it runs under the lock.
 */
import type { Lock } from '../../core/contracts/lock.js';
import { onAbort } from '../../core/util/shared-listeners.js';
import type { HeldLock } from '../../core/holds/lock.handle.js';
import { LockAbortedError, quoted } from '../../errors/index.js';
import type { HandlerScope } from '../handler-scope.js';
import { httpExchange, isAnswered, onResponseOver } from './http-exchange.js';
import type { LockedCall } from '../locked-call.interface.js';

const GONE = 'Nobody waits for the result any more: the client has gone.';

/**
 * The signal that ends the wait for a lock early. It is aborted by the signals of the caller, at the end of the scope,
 * and when the client disconnects. `end()` removes all listeners.
 */
export class WaitSignal {
  /** Undefined if nothing can end the wait early. */
  readonly signal: AbortSignal | undefined;
  readonly #stops: Array<() => void> = [];

  constructor(call: LockedCall, ...signals: Array<AbortSignal | undefined>) {
    const given = signals.filter((signal) => signal !== undefined);
    if (call.scope === undefined && given.length < 2) {
      this.signal = given[0];
      return;
    }
    const controller = new AbortController();
    this.signal = controller.signal;
    for (const signal of given) this.#follow(signal, controller);
    if (call.scope === undefined) return;
    const gone = (): void => controller.abort(new Error(GONE));
    this.#stops.push(call.scope.onEnd(gone));
    const exchange = httpExchange(call.scope.context);
    if (exchange !== undefined) this.#stops.push(onResponseOver(exchange, gone));
  }

  /** The wait is over: the lock is held, or the wait has failed. */
  end(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #follow(signal: AbortSignal, controller: AbortController): void {
    const abort = (): void => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else this.#stops.push(onAbort(signal, abort));
  }
}

/**
 * `abortOn: 'disconnect'`: if the client disconnects while the work runs, the signal of the lock is aborted. Nothing
 * else happens: the lock stays held until the work has settled.
 */
export function interruptOnDisconnect<T>(
  { scope }: LockedCall,
  work: () => T | PromiseLike<T>,
): (lock?: Lock) => T | PromiseLike<T> {
  // Other code called the method: there is no client.
  if (scope === undefined) return () => work();
  const since = performance.now();
  return async (lock) => {
    const { interrupt, keys: [key = ''] = [] } = (lock ?? {}) as Partial<HeldLock>;
    // The lock of a mock has no signal to abort.
    if (interrupt === undefined) return work();
    const waited = performance.now() - since;
    const stop = onClientGone(scope, () => interrupt.call(lock, disconnectError(key, waited)));
    try {
      return await work();
    } finally {
      stop();
    }
  };
}

/** Calls back, perhaps several times, if the client leaves before it has the whole answer. */
function onClientGone(scope: HandlerScope, callback: () => void): () => void {
  const exchange = httpExchange(scope.context);
  // A handler that sends the response itself may continue afterwards. The connection may close then.
  const gone = (): void => {
    if (exchange === undefined || !isAnswered(exchange)) callback();
  };
  const stops = [scope.onAbandoned(gone)];
  if (exchange !== undefined) stops.push(onResponseOver(exchange, gone));
  return () => {
    for (const stop of stops) stop();
  };
}

function disconnectError(key: string, waited: number): LockAbortedError {
  return new LockAbortedError(
    key,
    waited,
    new Error(GONE),
    `The client of the work under the lock ${quoted(key)} has gone: nobody waits for the result any more. The lock stays held ` +
      'until the work has settled: stop the work where it is safe.',
  );
}
