/** What `@Locked` puts in a method's place: by the kind of its result, a promise, an Observable or an async generator. */
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
import type { LockedCall } from '../locked-call.interface.js';
import { invoke, type LockedMethod, type Outcome, runLocked } from './run-locked.js';
import { lockedGenerator } from './locked-generator.js';
import { refuseStream } from '../lifetime/refuse-stream.js';

export type MethodKind = 'promise' | 'observable' | 'generator';

/**
 * The kind must be known before the method is run, which must not be before the lock is had. An Observable is told by
 * the declared type that the compiler emits; without it the method fails closed outside of handlers.
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
    const call: LockedCall = {
      method: locked.method,
      label: locked.label,
      self: this,
      args,
      scope: scopeOf(decoration),
    };
    if (kind === 'observable') return lockedObservable(locked, call);
    // In a handler the lock is had first, so that a busy one can still be answered with a status.
    if (kind === 'generator' && call.scope === undefined) return lockedGenerator(locked, call);
    const result = lockedPromise(locked, call);
    return isGatewayHook(call, wrapper) ? disconnectOnError(result, call, locked.service) : result;
  };
}

/** The body, once. */
function lockedPromise(locked: LockedMethod, call: LockedCall): Promise<unknown> {
  if (call.scope !== undefined) return lockedHandler(locked, call);
  const outcome = runLocked(locked, call, async () => {
    const result = await invoke(locked, call);
    holdResult(result, locked, call, () => outcome);
    return result;
  });
  // A chain of promises, all the way: by it the stack of an error leads to the caller.
  return outcome.then(
    ({ result }) => result,
    (error: unknown) => {
      throw mapFieldError(error, call, locked.service);
    },
  );
}

/** A handler's lock is kept on until what it streams has ended. */
function lockedHandler(locked: LockedMethod, call: LockedCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outcome: Promise<Outcome<unknown>> = runLocked(locked, call, async () => {
      const result = await invoke(locked, call);
      const held = holdResult(result, locked, call, () => outcome);
      if (held === undefined) return result;
      // What comes after is told to whoever reads the result.
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
  const ended = streamEnd(result, scope.context);
  const onReaderLeft = (): void => scope.abandon();
  if (isSubscriptionResult(result, scope.context)) {
    return holdGenerator(result[Symbol.asyncIterator](), ended, onReaderLeft);
  }
  if (ended === undefined) {
    // There is no response that would tell the end of a stream.
    refuseStream(result, locked.label);
    return undefined;
  }
  return isAsyncGenerator(result) ? holdGenerator(result, ended, onReaderLeft) : { result, ended };
}

/** Each subscription takes the lock, runs the body, and keeps the lock until it ends. */
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
