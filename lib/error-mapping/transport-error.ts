/** Makes, from a reply, the error that each of Nest's transports passes on to its client. */
import { type ArgumentsHost, type ExecutionContext, HttpException } from '@nestjs/common';
import type { LockError } from '../errors/index.js';
import type { ErrorReply } from './error-reply.js';
import { sendWhenEmitted } from './native-socket.js';

/** The constructor of Nest's RpcException and WsException. Nest's filters recognise them by `instanceof`. */
type TransportException = new (error: object) => Error;

/**
 * The error to throw in a context. The `cause` of the new error is the given error, for the filters and logs of the
 * application. For an unknown transport, the given error itself is returned.
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
      // Nobody gets a reply to an event, and Nest would log an RpcException. A client could fill the log with wrong
      // values.
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
  /** Express and Fastify have this method. */
  header?(name: string, value: string): unknown;
  /** Node's own response has this method. Middleware on Fastify gets Node's own response. */
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
  // Filters that catch everything know HttpException. From every other error they usually make a 500.
  return new HttpException({ statusCode: status, code, message }, status, { cause });
}

/** The payload that a client of RPC or of a gateway gets. */
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
  // The class is always present if its transport runs. Without it, filters still find the properties that it would
  // have.
  return Object.assign(
    defineHidden(error, { cause }),
    Exception === undefined && { ...payload, getError: () => payload },
  );
}

/*
 * Each package is loaded only when it is needed, because an application without that transport has not installed it.
 * The names are literals, so that a bundler includes the class that the application uses. They are inside `try`, so
 * that bundling also works without the package.
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

/**
 * The base class of HttpException. It is Nest's IntrinsicException, and Nest does not log its instances. In versions of
 * Nest without that class it is `Error`.
 */
const Unlogged = Object.getPrototypeOf(HttpException) as ErrorConstructor;

const BAD_REQUEST = 400;

/** Whether the handler has Nest's `@EventPattern`. The sender of an event waits for no reply. */
function isEvent(context: ExecutionContext): boolean {
  return Reflect.getMetadata('microservices:handler_type', context.getHandler()) === 2;
}

/**
 * graphql-js copies the `extensions` of an error that a resolver throws. In development, servers add its `stack`, so
 * the stack has no details.
 */
export function graphqlError({ code, message, status }: ErrorReply, cause: Error): Error {
  const error = Object.assign(new (status < 500 ? Unlogged : Error)(message), {
    extensions: { code, http: { status } },
  });
  return defineHidden(error, { cause, stack: `${code}: ${message}` });
}

/**
 * The LockError that a GraphQL field throws if no interceptor runs around it. `isLockError` accepts it, and code that
 * reads its fields finds those of the original error. Its message, its stack and its serialized form contain nothing
 * that a client must not see. It has no status, because one of several fields does not decide the status of the
 * response.
 */
export function fieldError({ code, message }: ErrorReply, cause: LockError): LockError {
  const masked = Object.create(cause) as LockError;
  return defineHidden(masked, { message, stack: `${code}: ${message}`, cause, extensions: { code } });
}

/** Defines properties that are not enumerable, so that no serializer shows them to the client. */
function defineHidden<E extends Error>(error: E, properties: Record<string, unknown>): E {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(error, name, { value, configurable: true, writable: true });
  }
  return error;
}
