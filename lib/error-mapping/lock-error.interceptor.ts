/** The one interceptor of an application that maps lock errors to errors for clients. */
import { type CallHandler, type ExecutionContext, Logger, type NestInterceptor } from '@nestjs/common';
import { catchError, from, mergeMap, type Observable, throwError } from 'rxjs';
import { isLockError, type LockError } from '../errors/index.js';
import { DEFAULT_BUSY_STATUS } from '../lock.constants.js';
import { type ErrorReply, replyTo } from './error-reply.js';
import { transportError } from './transport-error.js';

const logger = new Logger('LockModule');

/**
 * Logs a mistake of the application as an error, because the clients learn nothing about it. A wrong value from a
 * client is answered, so it is logged at debug level only: a client can send any number of wrong values.
 */
export function report(reply: ErrorReply, error: LockError): void {
  if (reply.mistake) logger.error(error.message, error.stack);
  else if (reply.code === 'LOCK_KEY') logger.debug(error.message);
}

export interface LockErrorSettings {
  /** The HTTP status of a busy lock. */
  readonly busyStatus: number;
}

/**
 * Maps every LockError that leaves a handler, with or without `@Locked`.
 *
 * - A busy lock becomes 423, or the `busyStatus`, with `Retry-After`.
 * - A failing store, a full queue, an aborted wait, a deadlock and a shutdown become 503, with `Retry-After`.
 * - A key for which the client sent no usable value becomes 400.
 * - A lost lock and mistakes of the application become 500.
 *
 * Over HTTP it throws an HttpException with the LockError as `cause`: filters that catch everything know
 * HttpExceptions. Over RPC, WebSocket and GraphQL the client gets the code and the message.
 *
 * The module registers the interceptor globally, so it is outside of all other interceptors. If one of them replaces a
 * LockError by another error, that error is not changed. Guards and middleware run before it: see LockErrorFilter.
 * Field resolvers of GraphQL run without it, unless `fieldResolverEnhancers` has `'interceptors'`. Field resolvers with
 * `@Locked` map their own errors. An error that is mapped already is not mapped again.
 *
 * Before Nest 12, global interceptors do not run for gateways. If the handlers of a gateway call locked methods and are
 * not `@Locked` themselves, put `@UseInterceptors(LockErrorInterceptor)` on the gateway.
 */
export class LockErrorInterceptor implements NestInterceptor {
  readonly #busyStatus: number;

  /** @param settings if left out, the `busyStatus` is 423. */
  constructor(settings?: LockErrorSettings) {
    this.#busyStatus = settings?.busyStatus ?? DEFAULT_BUSY_STATUS;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next
      .handle()
      .pipe(
        catchError((error: unknown) =>
          isLockError(error) ? throwMapped(context, error, this.#busyStatus) : throwError(() => error),
        ),
      );
  }
}

/** An Observable that fails with the error that the client of a context gets. */
export function throwMapped(
  context: ExecutionContext,
  error: LockError,
  busyStatus: number,
): Observable<never> {
  const reply = replyTo(error, busyStatus);
  report(reply, error);
  return from(transportError(context, reply, error)).pipe(mergeMap((mapped) => throwError(() => mapped)));
}
