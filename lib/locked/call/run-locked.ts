/** One call of a locked method: acquire the lock, run the body once, release the lock. */
import { isLockError, type LockBusyError, LockWiringError } from '../../errors/index.js';
import type { LockService } from '../../lock.service.js';
import { markBusyStatus } from '../../error-mapping/busy-status.js';
import { runOutOfScope } from '../handler-scope.js';
import { interruptOnDisconnect, WaitSignal } from '../lifetime/client-disconnect.js';
import { httpExchange } from '../lifetime/http-exchange.js';
import type { KeySource } from '../key/compile-key.js';
import type { ResolvedLockedOptions } from '../locked.options.js';
import type { LockedCall } from '../locked-call.interface.js';
import { ResponseHold, type Work } from '../lifetime/response-hold.js';
import { serviceOf } from '../decoration/service-property.js';

/** A locked method, as it is known at decoration. */
export interface LockedMethod {
  readonly method: string | symbol;
  /** `Orders.pay`, for messages. */
  readonly label: string;
  readonly body: (this: unknown, ...args: unknown[]) => unknown;
  readonly keyOf: KeySource;
  readonly options: ResolvedLockedOptions;
  /** The property of the instance into which the LockService is injected. */
  readonly service: symbol;
}

/** How a call ended: with the result of the work or, if the lock was busy, with the result of `onBusy`. */
export interface Outcome<T> {
  readonly busy: boolean;
  readonly result: T;
}

/** Runs the body of a call. The lock must be held. */
export function invoke(locked: LockedMethod, call: LockedCall): unknown {
  return Reflect.apply(locked.body, call.self, call.args);
}

/**
 * Runs `work` under the lock of a call.
 * @param withdrawn ends the wait when the caller does not want the result any more. The wait also ends when the scope
 * ends, and when the client disconnects.
 * @returns a promise that resolves after the lock has been released. With `holdUntil`, and if there is a response, the
 * promise resolves before the release.
 * @throws the error of the work, unchanged, or a LockError of the acquisition.
 */
export async function runLocked<T>(
  locked: LockedMethod,
  call: LockedCall,
  work: () => T | PromiseLike<T>,
  withdrawn?: AbortSignal,
): Promise<Outcome<unknown>> {
  const service = serviceOf(call.self, locked.service, locked.label);
  if (call.scope !== undefined) call.scope.service = service;
  const { holdUntil, abortOn } = locked.options;
  const interruptible: Work<T> = abortOn === undefined ? () => work() : interruptOnDisconnect(call, work);
  const exchange = call.scope && httpExchange(call.scope.context);
  const keys = locked.keyOf(call);
  if (exchange !== undefined && ResponseHold.existsFor(exchange)) {
    await ResponseHold.releaseKeys(exchange, service, keys);
  }
  if (exchange === undefined || holdUntil === undefined)
    return underLock(locked, call, service, keys, interruptible, withdrawn);
  const hold = new ResponseHold(exchange, service, keys);
  return new Promise((resolve, reject) => {
    const caller = { resolve: (result: T) => resolve({ busy: false, result }), reject };
    const outcome = hold.runCall(() =>
      underLock<T | undefined>(
        locked,
        call,
        service,
        keys,
        (lock) => hold.runWork(interruptible, lock, caller),
        withdrawn,
      ),
    );
    outcome.then(resolve, reject);
  });
}

async function underLock<T>(
  locked: LockedMethod,
  call: LockedCall,
  service: LockService,
  keys: string | readonly string[],
  work: Work<T>,
  withdrawn: AbortSignal | undefined,
): Promise<Outcome<unknown>> {
  const wait = new WaitSignal(call, locked.options.using.signal, withdrawn);
  let entered = false;
  try {
    const result = await service.using(keys, { ...locked.options.using, signal: wait.signal }, (lock) => {
      entered = true;
      wait.end();
      return runOutOfScope(call.scope, () => work(lock));
    });
    // With a mock that does not call the work, each test of the method would pass without running the method.
    if (!entered) throw swallowedByMock(locked.label);
    return { busy: false, result };
  } catch (error) {
    // After the work has begun, a LockBusyError comes from the work: another lock inside it was busy.
    if (entered || !isLockError(error, 'LOCK_BUSY')) throw error;
    return { busy: true, result: answerBusy(locked.options, call, error as LockBusyError) };
  } finally {
    wait.end();
  }
}

function answerBusy(
  { onBusy, busyStatus }: ResolvedLockedOptions,
  call: LockedCall,
  error: LockBusyError,
): unknown {
  if (onBusy === 'skip') return undefined;
  if (onBusy !== 'throw') return Reflect.apply(onBusy, call.self, [error, ...call.args]);
  throw busyStatus === undefined ? error : markBusyStatus(error, busyStatus);
}

function swallowedByMock(label: string): LockWiringError {
  return new LockWiringError(
    `The LockService of ${label} returned without having run the method: it is a mock that swallows it. ` +
      `Give the instance a real one, with provideLocks(instance) from 'nestjs-locked/testing', ` +
      'or let the mock of using(keys, options, work) call work.',
  );
}
