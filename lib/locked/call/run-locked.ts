/** One call of a locked method: acquire the lock, run the body once, release the lock. */
import { isLockError, type LockBusyError, LockWiringError } from '../../errors/index.js';
import { LockService } from '../../lock.service.js';
import { markBusyStatus } from '../../error-mapping/busy-status.js';
import { runOutOfScope } from '../handler-scope.js';
import { interruptOnDisconnect } from '../lifetime/client-disconnect.js';
import { waitSignal, WaitSignal } from '../lifetime/wait-signal.js';
import { exchangeOf, type HttpExchange } from '../lifetime/http-exchange.js';
import type { KeySource } from '../key/compile-key.js';
import type { ResolvedLockedOptions } from '../locked.options.js';
import type { LockedCall } from '../locked-call.js';
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
 * promise resolves before the release. It rejects with the error of the work, unchanged, or with a LockError of the
 * acquisition.
 */
export function runLocked<T>(
  locked: LockedMethod,
  call: LockedCall,
  work: () => T | PromiseLike<T>,
  withdrawn?: AbortSignal,
): Promise<Outcome<unknown>> {
  try {
    const service = serviceOf(call.self, locked.service, locked.label);
    if (call.scope !== undefined) call.scope.service = service;
    const { holdUntil, abortOn } = locked.options;
    const interruptible: Work<T> = abortOn === undefined ? () => work() : interruptOnDisconnect(call, work);
    const exchange = call.scope && exchangeOf(call.scope);
    const keys = locked.keyOf(call);
    const run = (): Promise<Outcome<unknown>> =>
      exchange === undefined || holdUntil === undefined
        ? underLock(locked, call, service, keys, interruptible, withdrawn)
        : untilResponse(locked, call, exchange, service, keys, interruptible, withdrawn);
    if (exchange === undefined || !ResponseHold.existsFor(exchange)) return run();
    return ResponseHold.releaseKeys(exchange, service, keys).then(run);
  } catch (error) {
    const refusal = error as Error;
    return Promise.reject(refusal);
  }
}

/** Tells the outcome before the lock is released: the lock is held until the response is over. */
function untilResponse<T>(
  locked: LockedMethod,
  call: LockedCall,
  exchange: HttpExchange,
  service: LockService,
  keys: string | readonly string[],
  work: Work<T>,
  withdrawn: AbortSignal | undefined,
): Promise<Outcome<unknown>> {
  const hold = new ResponseHold(exchange, service, keys);
  return new Promise((resolve, reject) => {
    const caller = { resolve: (result: T) => resolve({ busy: false, result }), reject };
    const outcome = hold.runCall(() =>
      underLock<T | undefined>(
        locked,
        call,
        service,
        keys,
        (lock) => hold.runWork(work, lock, caller),
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
  const signal = waitSignal(call, locked.options.using.signal, withdrawn);
  let entered = false;
  try {
    const result = await take(locked, service, keys, signal, (lock) => {
      entered = true;
      if (signal instanceof WaitSignal) signal.end();
      return runOutOfScope(call.scope, () => work(lock));
    });
    // With a mock that does not call the work, each test of the method would pass without running the method.
    if (!entered) throw swallowedByMock(locked.label);
    return { busy: false, result };
  } catch (error) {
    // After the work has begun, a LockBusyError comes from the work: another lock inside it was busy.
    if (entered || !isLockError(error, 'LOCK_BUSY')) throw error;
    return { busy: true, result: answerBusy(locked.options, call, error as LockBusyError) };
  }
}

/** Takes the lock and runs the work, by `LockService.using`. */
function take<T>(
  locked: LockedMethod,
  service: LockService,
  keys: string | readonly string[],
  signal: AbortSignal | WaitSignal | undefined,
  work: Work<T>,
): Promise<T> {
  // A mock, a spy and a subclass have a method of their own, and get the public call.
  if (!(service instanceof LockService) || service.using !== LockService.prototype.using) {
    return takeByPublicCall(locked, service, keys, signal, work);
  }
  const resolved = service.resolveOnce(locked.options.using);
  return service.usingResolved(keys, signal === undefined ? resolved : { ...resolved, signal }, work);
}

async function takeByPublicCall<T>(
  locked: LockedMethod,
  service: LockService,
  keys: string | readonly string[],
  signal: AbortSignal | WaitSignal | undefined,
  work: Work<T>,
): Promise<T> {
  const given = signal instanceof WaitSignal ? signal.toAbortSignal() : { signal, end: () => {} };
  try {
    return await service.using(keys, { ...locked.options.using, signal: given.signal }, (lock) => {
      given.end();
      return work(lock);
    });
  } finally {
    given.end();
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
