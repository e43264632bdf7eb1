/** The application's one mapping of lock errors to what its clients see. */
import { type CallHandler, type ExecutionContext, Logger, type NestInterceptor } from '@nestjs/common';
import { catchError, from, mergeMap, type Observable, throwError } from 'rxjs';
import { isLockError, type LockError } from '../errors/index.js';
import { DEFAULT_BUSY_STATUS } from '../lock.constants.js';
import { type ErrorReply, replyTo } from './error-reply.js';
import { transportError } from './transport-error.js';

const logger = new Logger('LockModule');

/**
 * A mistake of the application's is told to its log, as its clients learn nothing of it. One of a client's is answered: it
 * is a line for those who debug, as anybody may make any number of them.
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
 * Maps every LockError that leaves a handler, decorated or not: busy 423 (or the `busyStatus`), a failing store, a full
 * queue and a shutdown 503, each with `Retry-After`; a lost lock and mistakes 500. It throws HttpExceptions with the
 * LockError as `cause`, which survive filters that catch everything; over RPC, WebSocket and GraphQL code and message.
 *
 * The module registers it globally, so that it stands outside all other interceptors: an error that one of them makes
 * of a LockError is not touched. Guards and middleware run before it: see LockErrorFilter. The field resolvers of GraphQL
 * run without it, unless `fieldResolverEnhancers` has `'interceptors'`: those with `@Locked` map their own.
 * Mapping twice does nothing.
 *
 * Where Nest leaves global interceptors out, give it by hand: `@UseInterceptors(LockErrorInterceptor)` on a gateway, before
 * Nest 12, whose handlers call what is locked and are not `@Locked` themselves.
 */
export class LockErrorInterceptor implements NestInterceptor {
  readonly #busyStatus: number;

  /** @param settings those of the module by default. */
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

/** Fails with what the error is to the client of a context. */
export function throwMapped(
  context: ExecutionContext,
  error: LockError,
  busyStatus: number,
): Observable<never> {
  const reply = replyTo(error, busyStatus);
  report(reply, error);
  return from(transportError(context, reply, error)).pipe(mergeMap((mapped) => throwError(() => mapped)));
}
