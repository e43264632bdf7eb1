/** What `@Locked` adds to a handler: the ExecutionContext for its key, and the moment nobody waits for it any more. */
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError, Observable, throwError } from 'rxjs';
import { isLockError } from '../errors/index.js';
import { mapsErrorsOf } from '../error-mapping/mapping-decision.js';
import { HandlerScope, runInScope } from './handler-scope.js';
import { throwMapped } from '../error-mapping/lock-error.interceptor.js';

/**
 * Takes no lock itself: pipes run after interceptors, so that the arguments are not known yet. The method's wrapper
 * does, inside the scope opened here. One instance a decoration, which needs nothing injected.
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
      // handle() binds the async context that the handler will run in; subscribe() is where it starts.
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
 * Nest leaves the application's interceptors out of gateways (before Nest 12), and of the microservices of a hybrid
 * application (unless it has `inheritAppConfig`): lock errors are mapped here already.
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

/** Messages have none. */
const NO_STATUS = 0;
