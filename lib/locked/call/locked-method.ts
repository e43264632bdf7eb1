/**
 * What `@Locked` puts in place of a method. The wrapper depends on the result of the method: a promise, an Observable
 * or an async generator.
 */
import { from, isObservable, Observable, of, Subject, takeUntil } from 'rxjs';
import { scopeOf } from '../handler-scope.js';
import { mapFieldError } from './field-errors.js';
import { disconnectOnError, isGatewayHook } from '../decoration/gateway-hooks.js';
import {
  type HeldResult,
  holdGenerator,
  holdObservable,
  isAsyncGenerator,
  isSubscriptionResult,
  streamEnd,
} from '../lifetime/streamed-results.js';
import { LockedCall } from '../locked-call.js';
import { invoke, type LockedMethod, type Outcome, runLocked } from './run-locked.js';
import { lockedGenerator } from './locked-generator.js';
import { refuseStream } from '../lifetime/refuse-stream.js';

export type MethodKind = 'promise' | 'observable' | 'generator';

/**
 * Finds the kind of a method before it runs, because a method must not run before its lock is held. An Observable is
 * recognised by the declared return type, which the compiler emits. Without that type, outside of handlers, a method
 * that returns an Observable fails with a LockWiringError.
 */
export function kindOf(body: (...args: never[]) => unknown, returnType: unknown): MethodKind {
  if (Object.prototype.toString.call(body) === '[object AsyncGeneratorFunction]') return 'generator';
  const prototype = (returnType as { prototype?: { subscribe?: unknown } } | undefined)?.prototype;
  return typeof prototype?.subscribe === 'function' ? 'observable' : 'promise';
}

export function lockedMethod(
  locked: LockedMethod,
  kind: MethodKind,
  decoration: object,
): (this: unknown, ...args: unknown[]) => unknown {
  return function wrapper(this: unknown, ...args: unknown[]): unknown {
    const call = new LockedCall(locked.method, locked.label, this, args, scopeOf(decoration));
    if (kind === 'observable') return lockedObservable(locked, call);
    // In a handler the lock is acquired before the first step: a busy lock can then still be answered with a status.
    if (kind === 'generator' && call.scope === undefined) return lockedGenerator(locked, call);
    const result = lockedPromise(locked, call);
    return isGatewayHook(call, wrapper) ? disconnectOnError(result, call, locked.service) : result;
  };
}

/** Runs the body once under the lock. */
function lockedPromise(locked: LockedMethod, call: LockedCall): Promise<unknown> {
  if (call.scope !== undefined) return lockedHandler(locked, call);
  const outcome = runLocked(locked, call, async () => {
    const result = await invoke(locked, call);
    holdResult(result, locked, call, () => outcome);
    return result;
  });
  // No `new Promise` here: along an unbroken chain of promises, the stack of an error leads to the caller.
  return outcome.then(
    ({ result }) => result,
    (error: unknown) => {
      throw mapFieldError(error, call, locked.service);
    },
  );
}

/** Runs a handler. If its result is a stream, the lock is held until the stream has ended. */
function lockedHandler(locked: LockedMethod, call: LockedCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outcome: Promise<Outcome<unknown>> = runLocked(locked, call, async () => {
      const result = await invoke(locked, call);
      const held = holdResult(result, locked, call, () => outcome);
      if (held === undefined) return result;
      // A later failure is reported to the reader of the result, not by this promise.
      resolve(held.result);
      await held.ended;
      return undefined;
    });
    outcome.then(
      ({ result }) => resolve(result),
      (error: unknown) => reject(mapFieldError(error, call, locked.service) as Error),
    );
  });
}

function holdResult(
  result: unknown,
  locked: LockedMethod,
  { scope }: LockedCall,
  outcome: () => Promise<unknown>,
): HeldResult | undefined {
  if (scope === undefined) {
    refuseStream(result, locked.label);
    return undefined;
  }
  if (isObservable(result)) return holdObservable(result, scope, locked.label, outcome);
  const ended = streamEnd(result, scope);
  const onReaderLeft = (): void => scope.abandon();
  if (isSubscriptionResult(result, scope.context)) {
    return holdGenerator(result[Symbol.asyncIterator](), ended, onReaderLeft);
  }
  if (ended === undefined) {
    // There is no response that would show when a stream ends.
    refuseStream(result, locked.label);
    return undefined;
  }
  return isAsyncGenerator(result) ? holdGenerator(result, ended, onReaderLeft) : { result, ended };
}

/** Each subscription acquires the lock, runs the body, and holds the lock until the subscription ends. */
function lockedObservable(locked: LockedMethod, call: LockedCall): Observable<unknown> {
  return new Observable((subscriber) => {
    const withdrawn = new AbortController();
    const stopped = new Subject<void>();
    const work = (): Promise<void> =>
      new Promise((resolve, reject) => {
        if (withdrawn.signal.aborted) return resolve();
        const source = invoke(locked, call);
        (isObservable(source) ? source : from(Promise.resolve(source)))
          .pipe(takeUntil(stopped))
          .subscribe({ next: (value) => subscriber.next(value), error: reject, complete: resolve });
      });
    runLocked(locked, call, work, withdrawn.signal).then(
      ({ busy, result }) => {
        if (!busy || result === undefined) return subscriber.complete();
        (isObservable(result) ? result : of(result)).subscribe(subscriber);
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      withdrawn.abort(new Error('The Observable was unsubscribed.'));
      stopped.next();
    };
  });
}
