/**
 * The HTTP request and response of a call of a handler, on Express and on Fastify. They show whether the client is
 * still connected.
 */
import type { EventEmitter } from 'node:events';
import type { ExecutionContext } from '@nestjs/common';
import { SharedListeners } from '../../core/util/shared-listeners.js';
import type { HandlerScope } from '../handler-scope.js';

export interface HttpExchange {
  readonly response: Closable;
  /**
   * The socket is watched too. A client may pipeline several requests on one connection. A response that waits until
   * the earlier responses are sent gets no event when the client disconnects. Over HTTP/2 this is the stream of the
   * request.
   */
  readonly socket: Closable | undefined;
}

/** A class, as the links of handler scopes are, and for the same reason. */
class Exchange implements HttpExchange {
  constructor(
    readonly response: Closable,
    readonly socket: Closable | undefined,
  ) {}
}

interface Closable extends EventEmitter {
  readonly destroyed?: boolean;
  readonly closed?: boolean;
  readonly writableFinished?: boolean;
  readonly writableEnded?: boolean;
}

/**
 * Undefined for other transports. For GraphQL, the request and the response are in the context if the application put
 * them there.
 */
export function httpExchange(context: ExecutionContext): HttpExchange | undefined {
  const type = context.getType<string>();
  if (type === 'http') return exchangeFrom(context.getArgByIndex(0), context.getArgByIndex(1));
  if (type !== 'graphql') return undefined;
  const own: { req?: unknown; res?: unknown } | undefined = context.getArgByIndex(2);
  return exchangeFrom(own?.req, own?.res);
}

/** As `httpExchange`, read once for each call of a handler. */
export function exchangeOf(scope: HandlerScope): HttpExchange | undefined {
  if (scope.exchange === undefined) scope.exchange = httpExchange(scope.context) ?? null;
  return (scope.exchange ?? undefined) as HttpExchange | undefined;
}

/** Whether the response is over, whether it was sent or not, or the connection is closed. */
export function isResponseOver({ response, socket }: HttpExchange): boolean {
  return isOver(response) || socket?.destroyed === true;
}

/**
 * Calls back when the response is over, whether it was sent or not, or when the connection is closed. If one of these
 * has happened already, it calls back at once. The callback may be called twice.
 * @returns a function that removes the listeners.
 */
export function onResponseOver(exchange: HttpExchange, callback: () => void): () => void {
  if (isResponseOver(exchange)) {
    callback();
    return () => {};
  }
  const { response, socket } = exchange;
  const stops = [closeListeners.on(response, 'close', () => callback())];
  if (socket !== undefined) stops.push(closeListeners.on(socket, 'close', () => callback()));
  return () => {
    for (const stop of stops) stop();
  };
}

/** Whether the whole response has been sent. If it is over and was not sent as a whole, the client disconnected. */
export function isAnswered({ response }: HttpExchange): boolean {
  // Over HTTP/2, before Node 26, a cancelled stream counts as finished, although nothing ended it.
  const { writableEnded = false, writableFinished = writableEnded } = response;
  return writableEnded && writableFinished;
}

function exchangeFrom(request: unknown, response: unknown): HttpExchange | undefined {
  const { res, socket } = (rawOf(request) ?? {}) as { res?: unknown; socket?: unknown };
  // A GraphQL context often has the request alone. A request of Express refers to its response.
  const rawResponse = rawOf(response ?? res);
  if (!isClosable(rawResponse)) return undefined;
  return new Exchange(rawResponse, isClosable(socket) ? socket : undefined);
}

/** Node's own object, which Fastify wraps. */
function rawOf(value: unknown): unknown {
  return (value as { raw?: unknown } | undefined)?.raw ?? value;
}

function isClosable(value: unknown): value is Closable {
  return typeof (value as Partial<Closable> | undefined)?.once === 'function';
}

function isOver(response: Closable): boolean {
  return response.destroyed === true || response.closed === true || response.writableFinished === true;
}

/**
 * One listener on each object for all locks. A client may pipeline many requests on its connection, and a request may
 * have many locks.
 */
const closeListeners = new SharedListeners<Closable>((source, event, listener) => {
  source.on(event, listener);
  return () => void source.removeListener(event, listener);
});
