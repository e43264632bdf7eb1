/**
 * Tells when nothing waits for the result of a call any more, while the call runs under its lock. `wait-signal.ts` tells
 * it while the call waits.
 */
import type { Lock } from '../../core/contracts/lock.js';
import type { HeldLock } from '../../core/holds/lock.handle.js';
import { LockAbortedError, quoted } from '../../errors/index.js';
import type { HandlerScope } from '../handler-scope.js';
import { exchangeOf, isAnswered, onResponseOver } from './http-exchange.js';
import type { LockedCall } from '../locked-call.js';

/** The reason of an abort. */
export const GONE = 'Nobody waits for the result any more: the client has gone.';

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
  const exchange = exchangeOf(scope);
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
