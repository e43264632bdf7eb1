/** The HTTP request and response behind a handler's call, on Express and Fastify alike: is the client still there? */
import type { EventEmitter } from 'node:events';
import type { ExecutionContext } from '@nestjs/common';
import { SharedListeners } from '../../core/util/shared-listeners.js';

export interface HttpExchange {
  readonly response: Closable;
  /**
   * Watched as well: a pipelined response that still waits for its hold never learns that its client has gone.
   * Over HTTP/2 this is the request's own stream.
   */
  readonly socket: Closable | undefined;
}

interface Closable extends EventEmitter {
  readonly destroyed?: boolean;
  readonly closed?: boolean;
  readonly writableFinished?: boolean;
  readonly writableEnded?: boolean;
}

/** Undefined for other transports. GraphQL has its own in the context, where the application put them. */
export function httpExchange(context: ExecutionContext): HttpExchange | undefined {
  const type = context.getType<string>();
  if (type === 'http') return exchange(context.getArgByIndex(0), context.getArgByIndex(1));
  if (type !== 'graphql') return undefined;
  const own: { req?: unknown; res?: unknown } | undefined = context.getArgByIndex(2);
  return exchange(own?.req, own?.res);
}

/**
 * Calls back once the response is over, sent or not, or the connection is closed; at once if it is.
 * @returns stops watching.
 */
export function onResponseOver({ response, socket }: HttpExchange, callback: () => void): () => void {
  if (isOver(response) || socket?.destroyed === true) {
    callback();
    return () => {};
  }
  const stops = [closeListeners.on(response, 'close', () => callback())];
  if (socket !== undefined) stops.push(closeListeners.on(socket, 'close', () => callback()));
  return () => {
    for (const stop of stops) stop();
  };
}

/** Has the client been sent all of the response? Where it is over and has not, the client left. */
export function isAnswered({ response }: HttpExchange): boolean {
  // Over HTTP/2, before Node 26, a stream that was cancelled counts as finished, though nothing ended it.
  const { writableEnded = false, writableFinished = writableEnded } = response;
  return writableEnded && writableFinished;
}

function exchange(request: unknown, response: unknown): HttpExchange | undefined {
  const { res, socket } = (rawOf(request) ?? {}) as { res?: unknown; socket?: unknown };
  // Contexts of GraphQL often have the request alone; that of Express knows its response.
  const rawResponse = rawOf(response ?? res);
  if (!isClosable(rawResponse)) return undefined;
  return { response: rawResponse, socket: isClosable(socket) ? socket : undefined };
}

/** Fastify wraps Node's own objects. */
function rawOf(value: unknown): unknown {
  return (value as { raw?: unknown } | undefined)?.raw ?? value;
}

function isClosable(value: unknown): value is Closable {
  return typeof (value as Partial<Closable> | undefined)?.once === 'function';
}

function isOver(response: Closable): boolean {
  return response.destroyed === true || response.closed === true || response.writableFinished === true;
}

/** A client may pipeline many requests on its connection, and a request may have many locks. */
const closeListeners = new SharedListeners<Closable>((source, event, listener) => {
  source.on(event, listener);
  return () => void source.removeListener(event, listener);
});
