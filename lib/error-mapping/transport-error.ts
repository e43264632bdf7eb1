/** The error that each of Nest's transports passes on to its client, built from a reply. */
import { type ArgumentsHost, type ExecutionContext, HttpException } from '@nestjs/common';
import type { LockError } from '../errors/index.js';
import type { ErrorReply } from './error-reply.js';
import { sendWhenEmitted } from './native-socket.js';

/** What of Nest's RpcException and WsException is used: their filters know them by `instanceof`. */
type TransportException = new (error: object) => Error;

/**
 * The error to throw in a context, or the given one where the transport is not known. Its `cause` is the given one,
 * for the application's filters and logs.
 */
export async function transportError(
  context: ExecutionContext,
  reply: ErrorReply,
  cause: Error,
): Promise<Error> {
  switch (context.getType<string>()) {
    case 'http':
      return httpError(context, reply, cause);
    case 'rpc':
      // Nest logs an RpcException that nobody is sent.
      if (reply.status === BAD_REQUEST && isEvent(context))
        return defineHidden(new Unlogged(reply.message), { cause });
      return messageError(await rpcException(), reply, cause);
    case 'ws':
      return socketError(context, reply, cause);
    case 'graphql':
      return graphqlError(reply, cause);
    default:
      return cause;
  }
}

interface HeaderSink {
  headersSent?: boolean;
  sent?: boolean;
  /** Express and Fastify alike. */
  header?(name: string, value: string): unknown;
  /** Of Node's own, which Fastify's middleware is given. */
  setHeader?(name: string, value: string): unknown;
}

export function httpError(host: ArgumentsHost, reply: ErrorReply, cause: Error): HttpException {
  const { status, code, message, retryAfter } = reply;
  const response = host.switchToHttp().getResponse<HeaderSink | undefined>();
  if (retryAfter !== undefined && response?.headersSent !== true && response?.sent !== true) {
    const value = String(retryAfter);
    if (response?.header === undefined) response?.setHeader?.('Retry-After', value);
    else response.header('Retry-After', value);
  }
  // Filters that catch everything know HttpException: every other error becomes their 500.
  return new HttpException({ statusCode: status, code, message }, status, { cause });
}

/** What a client of RPC or of a gateway is sent. */
export function messagePayload({ code, message, retryAfter }: ErrorReply): object {
  return { status: 'error', code, message, ...(retryAfter !== undefined && { retryAfter }) };
}

async function socketError(context: ExecutionContext, reply: ErrorReply, cause: Error): Promise<Error> {
  const payload = messagePayload(reply);
  sendWhenEmitted(context.switchToWs().getClient<unknown>(), payload);
  return messageError(await wsException(), reply, cause, payload);
}

function messageError(
  Exception: TransportException | undefined,
  reply: ErrorReply,
  cause: Error,
  payload = messagePayload(reply),
): Error {
  const { message } = reply;
  const error = Exception === undefined ? new Error(message) : new Exception(payload);
  // Without the class, which cannot be missing where its transport runs, filters still find what it would give.
  return Object.assign(
    defineHidden(error, { cause }),
    Exception === undefined && { ...payload, getError: () => payload },
  );
}

/*
 * Each is loaded where it is needed: an application without that transport has not installed it. The names are literal, so
 * that a bundler finds the application's own class, and stand in `try`, so that it bundles without the package as well.
 */

async function rpcException(): Promise<TransportException | undefined> {
  try {
    return exceptionOf(await import('@nestjs/microservices'), 'RpcException');
  } catch {
    return undefined;
  }
}

async function wsException(): Promise<TransportException | undefined> {
  try {
    return exceptionOf(await import('@nestjs/websockets'), 'WsException');
  } catch {
    return undefined;
  }
}

function exceptionOf(loaded: object, name: string): TransportException | undefined {
  const module = loaded as Record<string, unknown> & { default?: Record<string, unknown> };
  const exception = module[name] ?? module.default?.[name];
  return typeof exception === 'function' ? (exception as TransportException) : undefined;
}

/** What Nest logs nothing of, where it knows such errors: HttpException is one. */
const Unlogged = Object.getPrototypeOf(HttpException) as ErrorConstructor;

const BAD_REQUEST = 400;

/** Of Nest's `@EventPattern`: its sender waits for no reply. */
function isEvent(context: ExecutionContext): boolean {
  return Reflect.getMetadata('microservices:handler_type', context.getHandler()) === 2;
}

/** graphql-js copies `extensions` of what a resolver throws; servers put `stack` there in development. */
export function graphqlError({ code, message, status }: ErrorReply, cause: Error): Error {
  const error = Object.assign(new (status < 500 ? Unlogged : Error)(message), {
    extensions: { code, http: { status } },
  });
  return defineHidden(error, { cause, stack: `${code}: ${message}` });
}

/**
 * A LockError as a field of GraphQL may throw it where no interceptor runs: the same error to `isLockError` and to
 * whoever reads its fields, but with nothing in its message, its stack and what is serialized that a client must not
 * see. Without a status: one field of several decides on no response.
 */
export function fieldError({ code, message }: ErrorReply, cause: LockError): LockError {
  const masked = Object.create(cause) as LockError;
  return defineHidden(masked, { message, stack: `${code}: ${message}`, cause, extensions: { code } });
}

/** Not enumerable: no serializer shows it to the client. */
function defineHidden<E extends Error>(error: E, properties: Record<string, unknown>): E {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(error, name, { value, configurable: true, writable: true });
  }
  return error;
}
