/** Results that continue after the method has returned, and the time until which the lock is held for them. */
import { AsyncResource } from 'node:async_hooks';
import { finished, type Readable } from 'node:stream';
import type { ExecutionContext } from '@nestjs/common';
import { Observable, Subject, takeUntil } from 'rxjs';
import { deferred } from '../../core/util/deferred.js';
import { LockWiringError } from '../../errors/index.js';
import type { HandlerScope } from '../handler-scope.js';
import { exchangeOf, onResponseOver } from './http-exchange.js';

/** AsyncGenerator without the default type arguments, which include `any`. */
export type AnyGenerator = AsyncGenerator<unknown, unknown, unknown>;
type AnyIterator = AsyncIterator<unknown, unknown, unknown>;

/** A result as the caller gets it, and a promise until which the lock is held for it. */
export interface HeldResult {
  readonly result: unknown;
  readonly ended: Promise<void>;
}

/**
 * Wraps the Observable that the promise of a handler resolved to. Call it inside the work: the producer then runs in
 * the async context of the work, in which the lock is the current one. `ended` settles when the source completes, fails
 * or is unsubscribed.
 * @param settled returns the promise of the whole call, release included. The subscriber gets the end after that
 * promise has resolved, or its rejection, as with a LockLostError.
 */
export function holdObservable(
  source: Observable<unknown>,
  scope: HandlerScope,
  label: string,
  settled: () => Promise<unknown>,
): HeldResult {
  const resource = new AsyncResource('nestjs-locked.stream');
  const { promise: ended, resolve: end, reject: fail } = deferred();
  let subscribed = false;
  // An interceptor may have replaced the Observable. Then nothing will ever subscribe to it, and only the scope ends.
  scope.onEnd(() => {
    if (!subscribed) end();
  });
  const result = new Observable<unknown>((subscriber) => {
    if (subscribed) throw subscribedTwice(label);
    subscribed = true;
    const stopped = new Subject<void>();
    resource.runInAsyncScope(() =>
      source
        .pipe(takeUntil(stopped))
        .subscribe({ next: (value) => subscriber.next(value), error: fail, complete: end }),
    );
    settled().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => stopped.next();
  });
  return { result, ended };
}

/**
 * Wraps the async generator, or another async iterator, that a handler returned. `ended` resolves when the iterator is
 * done or has failed.
 * @param over also ends the hold, because possibly nothing ever reads the iterator.
 * @param onReaderLeft called when the reader stops reading. The generator may run on for a while, because it only
 * notices this at its next `yield`.
 */
export function holdGenerator(
  source: AnyIterator,
  over: Promise<void> | undefined,
  onReaderLeft: () => void,
): HeldResult {
  const { promise: ended, resolve: end } = deferred();
  void over?.then(end);
  const bound = bindGenerator(source);
  const step = async (next: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
    try {
      const result = await next;
      if (result.done === true) end();
      return result;
    } catch (error) {
      end();
      throw error;
    }
  };
  const result: AnyGenerator = {
    next: (value) => step(bound.next(value)),
    return: (value) => {
      onReaderLeft();
      return step(bound.return(value));
    },
    throw: (error) => step(bound.throw(error)),
    [Symbol.asyncIterator]: () => result,
    [Symbol.asyncDispose]: async () => void (await result.return(undefined)),
  };
  return { result, ended };
}

/**
 * Binds an iterator to the current async context, in which each step runs, independent of the context of the reader.
 */
export function bindGenerator(source: AnyIterator): AnyGenerator {
  const resource = new AsyncResource('nestjs-locked.stream');
  const bound: AnyGenerator = {
    next: (value) => resource.runInAsyncScope(() => source.next(value)),
    return: (value) =>
      resource.runInAsyncScope(async () => source.return?.(value) ?? { done: true, value: await value }),
    throw: (error) => resource.runInAsyncScope(() => source.throw?.(error) ?? Promise.reject(error as Error)),
    [Symbol.asyncIterator]: () => bound,
    [Symbol.asyncDispose]: async () => void (await bound.return(undefined)),
  };
  return bound;
}

/**
 * For a result that Nest sends while it is being produced: a StreamableFile, a stream, an async iterable, or a web
 * Response. Resolves when a Node stream has been read to its end, or when the response is over. Undefined for every
 * other result.
 */
export function streamEnd(result: unknown, scope: HandlerScope): Promise<void> | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const stream = nodeStreamOf(result);
  if (stream === undefined && !isStreamed(result)) return undefined;
  const exchange = exchangeOf(scope);
  if (exchange === undefined) return undefined;
  return new Promise((resolve) => {
    const stop = onResponseOver(exchange, resolve);
    if (stream === undefined) return;
    // A stream that has been read to its end does not need the lock any more, even if the client is slow.
    finished(stream, { writable: false }, () => {
      stop();
      resolve();
    });
  });
}

/** Whether a value is an async generator: other streams have `Symbol.asyncIterator` too. */
export function isAsyncGenerator(value: unknown): value is AnyGenerator {
  return Object.prototype.toString.call(value) === '[object AsyncGenerator]';
}

/**
 * Whether the result is what the handler of a GraphQL subscription returned. The server reads it to its end, or stops
 * when the client ends the subscription or disconnects.
 */
export function isSubscriptionResult(
  result: unknown,
  context: ExecutionContext,
): result is AsyncIterable<unknown> {
  if (context.getType<string>() !== 'graphql') return false;
  const info: { operation?: { operation?: unknown } } | undefined = context.getArgByIndex(3);
  return info?.operation?.operation === 'subscription' && Symbol.asyncIterator in Object(result);
}

/**
 * The stream of a StreamableFile, or a Node stream itself. Recognised by structure, because Nest may be installed
 * twice.
 */
export function nodeStreamOf(result: object): Readable | undefined {
  const { getStream, getHeaders } = result as { getStream?: unknown; getHeaders?: unknown };
  const isFile = typeof getStream === 'function' && typeof getHeaders === 'function';
  const stream: unknown = isFile ? Reflect.apply(getStream, result, []) : result;
  const { pipe, on } = (stream ?? {}) as Partial<Readable>;
  return typeof pipe === 'function' && typeof on === 'function' ? (stream as Readable) : undefined;
}

function isStreamed(result: object): boolean {
  return Symbol.asyncIterator in result || Object.prototype.toString.call(result) === '[object Response]';
}

function subscribedTwice(label: string): LockWiringError {
  return new LockWiringError(
    `The Observable of ${label} was subscribed to twice, and its lock ends with the first subscription. ` +
      'Retry the handler (next.handle()), or share the Observable.',
  );
}
