/**
 * The interceptor that `@Locked` adds to a handler. It provides the ExecutionContext for the key, and it tells when
 * nothing waits for the result any more.
 */
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError, Observable, throwError } from 'rxjs';
import { isLockError } from '../errors/index.js';
import { mapsErrorsOf } from '../error-mapping/mapping-decision.js';
import { HandlerScope, runInScope } from './handler-scope.js';
import { throwMapped } from '../error-mapping/lock-error.interceptor.js';

/**
 * This interceptor acquires no lock: pipes run after interceptors, so the arguments are not known yet. The wrapper of
 * the method acquires the lock, inside the scope that is opened here. Each decoration has one instance, which needs no
 * injection.
 */
export class LockedInterceptor implements NestInterceptor {
  constructor(private readonly decoration: object) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return new Observable((subscriber) => {
      const scope = new HandlerScope(this.decoration, context);
      let settled = false;
      const observer = {
        next: (value: unknown) => subscriber.next(value),
        error: (error: unknown) => {
          settled = true;
          subscriber.error(error);
        },
        complete: () => {
          settled = true;
          subscriber.complete();
        },
      };
      // `handle()` binds the async context in which the handler will run. The handler starts at `subscribe()`. Both
      // must be inside the scope.
      const subscription = runInScope(scope, () => mapErrors(next.handle(), scope).subscribe(observer));
      return () => {
        subscription.unsubscribe();
        if (!settled) scope.abandon();
        scope.end();
      };
    });
  }
}

/**
 * Maps lock errors for RPC and WebSocket already here. Before Nest 12, Nest does not run global interceptors for
 * gateways. Without `inheritAppConfig`, Nest does not run them for the microservices of a hybrid application.
 */
function mapErrors(result: Observable<unknown>, scope: HandlerScope): Observable<unknown> {
  const type = scope.context.getType<string>();
  if (type !== 'rpc' && type !== 'ws') return result;
  return result.pipe(
    catchError((error: unknown) =>
      isLockError(error) && mapsErrorsOf(scope.service)
        ? throwMapped(scope.context, error, NO_STATUS)
        : throwError(() => error),
    ),
  );
}

/** Replies to messages have no HTTP status. */
const NO_STATUS = 0;
