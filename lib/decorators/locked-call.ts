/** One call of a locked method: take the lock, run the body once, give it back. */
import { isLockError, type LockBusyError, LockWiringError } from '../errors/index.js';
import { markBusyStatus } from '../interceptors/busy-status.js';
import { runOutOfScope } from '../interceptors/handler-scope.js';
import { httpExchange, onResponseOver } from './http-exchange.js';
import type { KeySource } from './key-source.js';
import type { ResolvedLockedOptions } from './locked-options.js';
import type { LockedCall } from './locked-call.interface.js';
import { serviceOf } from './service-property.js';

/** What is known of a locked method at its decoration. */
export interface LockedMethod {
  readonly method: string | symbol;
  /** `Orders.pay`, for messages. */
  readonly label: string;
  readonly body: (this: unknown, ...args: unknown[]) => unknown;
  readonly keyOf: KeySource;
  readonly options: ResolvedLockedOptions;
  /** The property its service is injected as. */
  readonly service: symbol;
}

/** How a call ended: with what the work made, or, the lock being busy, with what `onBusy` made. */
export interface Outcome<T> {
  readonly busy: boolean;
  readonly result: T;
}

/**
 * Runs `work` under the lock of a call.
 * @param withdrawn ends the wait when the caller has lost interest, besides the scope's end and the client's leaving.
 * @throws what the work threw, untouched; LockErrors of the acquisition.
 */
export async function runLocked<T>(
  locked: LockedMethod,
  call: LockedCall,
  work: () => T | PromiseLike<T>,
  withdrawn?: AbortSignal,
): Promise<Outcome<unknown>> {
  const service = serviceOf(call.self, locked.service, locked.label);
  if (call.scope !== undefined) call.scope.service = service;
  const keys = locked.keyOf(call);
  const wait = new Wait(call, locked.options.using.signal, withdrawn);
  let entered = false;
  try {
    const result = await service.using(keys, { ...locked.options.using, signal: wait.signal }, () => {
      entered = true;
      wait.over();
      return runOutOfScope(call.scope, work);
    });
    // A mock that swallows the body would have every test of the method pass without running it.
    if (!entered) throw swallowed(locked.label);
    return { busy: false, result };
  } catch (error) {
    // Once entered, a busy error is the work's own: another lock's, inside.
    if (entered || !isLockError(error, 'LOCK_BUSY')) throw error;
    return { busy: true, result: answerBusy(locked.options, call, error as LockBusyError) };
  } finally {
    wait.over();
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

/** The time before the lock is had: what ends it early. Nothing that is listened to outlives it. */
class Wait {
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
    const gone = (): void =>
      controller.abort(new Error('Nobody waits for the result any more: the client has gone.'));
    this.#stops.push(call.scope.onEnd(gone));
    const exchange = httpExchange(call.scope.context);
    if (exchange !== undefined) this.#stops.push(onResponseOver(exchange, gone));
  }

  over(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #follow(signal: AbortSignal, controller: AbortController): void {
    const abort = (): void => controller.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    this.#stops.push(() => signal.removeEventListener('abort', abort));
  }
}

function swallowed(label: string): LockWiringError {
  return new LockWiringError(
    `The LockService of ${label} returned without having run the method: it is a mock that swallows it. ` +
      `Give the instance a real one, with provideLocks(instance) from 'nestjs-locked/testing', ` +
      'or let the mock of using(keys, options, work) call work.',
  );
}
