/** Results that go on after the method has returned: what of them the lock waits for. */
import { AsyncResource } from 'node:async_hooks';
import { finished, type Readable } from 'node:stream';
import type { ExecutionContext } from '@nestjs/common';
import { Observable, Subject, takeUntil } from 'rxjs';
import { deferred } from '../../core/util/deferred.js';
import { LockWiringError } from '../../errors/index.js';
import type { HandlerScope } from '../handler-scope.js';
import { httpExchange, onResponseOver } from './http-exchange.js';

/** The library's defaults are `any`. */
export type AnyGenerator = AsyncGenerator<unknown, unknown, unknown>;
type AnyIterator = AsyncIterator<unknown, unknown, unknown>;

/** A result as it is handed out, and the moment until which the lock is kept for it. */
export interface HeldResult {
  readonly result: unknown;
  readonly ended: Promise<void>;
}

/**
 * Wraps the Observable that a handler's promise resolved to. To be called in the work: the producer runs in its async
 * context, with the lock as the current one. `ended` settles with the source: its end, its error, its unsubscription.
 * @param settled the whole call, release included: the subscriber hears of the end after it, and of a lost lock by it.
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
  // An interceptor may have put something else in its place: then nobody will ever end it.
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
 * Wraps an async generator, or another iterator, that a handler returned, likewise.
 * @param over ends it as well: nobody may read it at all.
 * @param onReaderLeft told that its reader wants no more. The generator may go on for a while: it hears of it only where it
 * yields.
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

/** The iterator, run in the async context of here whoever reads it. */
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
 * For what Nest sends while it is being produced (a StreamableFile, a stream, an async iterable, a web Response):
 * resolves once a Node stream has been read to its end, or the response is over. Undefined for everything else.
 */
export function streamEnd(result: unknown, context: ExecutionContext): Promise<void> | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const stream = nodeStreamOf(result);
  if (stream === undefined && !isStreamed(result)) return undefined;
  const exchange = httpExchange(context);
  if (exchange === undefined) return undefined;
  return new Promise((resolve) => {
    const stop = onResponseOver(exchange, resolve);
    if (stream === undefined) return;
    // Read to its end, it needs the lock no more, however slow the client is.
    finished(stream, { writable: false }, () => {
      stop();
      resolve();
    });
  });
}

/** An async generator in progress, as opposed to a stream that is handed on. */
export function isAsyncGenerator(value: unknown): value is AnyGenerator {
  return Object.prototype.toString.call(value) === '[object AsyncGenerator]';
}

/**
 * What a handler of a GraphQL subscription returned. The server reads it to its end, or breaks off when the client has
 * done with it or has left.
 */
export function isSubscriptionResult(
  result: unknown,
  context: ExecutionContext,
): result is AsyncIterable<unknown> {
  if (context.getType<string>() !== 'graphql') return false;
  const info: { operation?: { operation?: unknown } } | undefined = context.getArgByIndex(3);
  return info?.operation?.operation === 'subscription' && Symbol.asyncIterator in Object(result);
}

/** A StreamableFile's stream, or a Node stream itself. By structure: Nest may be installed twice. */
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
