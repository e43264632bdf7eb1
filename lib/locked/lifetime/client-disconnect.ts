/** Does anybody still want the result of a call? Before its lock is had, and while it runs under it. */
import type { Lock } from '../../core/contracts/lock.js';
import { onAbort } from '../../core/util/shared-listeners.js';
import type { HeldLock } from '../../core/holds/lock.handle.js';
import { LockAbortedError, quoted } from '../../errors/index.js';
import type { HandlerScope } from '../handler-scope.js';
import { httpExchange, isAnswered, onResponseOver } from './http-exchange.js';
import type { LockedCall } from '../locked-call.interface.js';

const GONE = 'Nobody waits for the result any more: the client has gone.';

/** The time before the lock is had: what ends it early. Nothing that is listened to outlives it. */
export class WaitSignal {
  /** Undefined where nothing can. */
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
 * `abortOn: 'disconnect'`: while the work runs, the leaving of the client aborts the lock's signal, and nothing else: the
 * lock stays held until the work has settled.
 */
export function interruptOnDisconnect<T>(
  { scope }: LockedCall,
  work: () => T | PromiseLike<T>,
): (lock?: Lock) => T | PromiseLike<T> {
  // Called by other code, or with a mock's lock: there is no client, or no signal.
  if (scope === undefined) return () => work();
  const since = performance.now();
  return async (lock) => {
    const { interrupt, keys: [key = ''] = [] } = (lock ?? {}) as Partial<HeldLock>;
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

/** Calls back, perhaps several times, when the client has left without its whole answer. */
function onClientGone(scope: HandlerScope, callback: () => void): () => void {
  const exchange = httpExchange(scope.context);
  // One that answers by itself may go on afterwards, when the connection may close.
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
    `The client of the work under the lock ${quoted(key)} has gone: nobody waits for its result any more. The lock is held ` +
      'until the work has settled: stop where it may be left.',
  );
}
