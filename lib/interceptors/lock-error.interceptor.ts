/** The application's one mapping of lock errors to what its clients see. */
import { type CallHandler, type ExecutionContext, Logger, type NestInterceptor } from '@nestjs/common';
import { catchError, from, mergeMap, type Observable, throwError } from 'rxjs';
import { isLockError, type LockError } from '../errors/index.js';
import { replyTo } from './error-reply.js';
import { transportError } from './transport-error.js';

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
 * of a LockError is not touched. Guards run before it, and the field
 * resolvers of GraphQL without it (unless `fieldResolverEnhancers` has `'interceptors'`): what they throw is not mapped.
 * Mapping twice does nothing.
 */
export class LockErrorInterceptor implements NestInterceptor {
  readonly #logger = new Logger('LockModule');
  readonly #busyStatus: number;

  constructor({ busyStatus }: LockErrorSettings) {
    this.#busyStatus = busyStatus;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next
      .handle()
      .pipe(
        catchError((error: unknown) =>
          isLockError(error) ? this.#map(context, error) : throwError(() => error),
        ),
      );
  }

  #map(context: ExecutionContext, error: LockError): Observable<never> {
    const reply = replyTo(error, this.#busyStatus);
    if (reply.mistake) this.#logger.error(error.message, error.stack);
    return from(transportError(context, reply, error)).pipe(mergeMap((mapped) => throwError(() => mapped)));
  }
}
