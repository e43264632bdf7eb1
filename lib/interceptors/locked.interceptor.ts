/** What `@Locked` adds to a handler: the ExecutionContext for its key, and the moment nobody waits for it any more. */
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { HandlerScope, runInScope } from './handler-scope.js';

/**
 * Takes no lock itself: pipes run after interceptors, so that the arguments are not known yet. The method's wrapper
 * does, inside the scope opened here. One instance a decoration, which needs nothing injected.
 */
export class LockedInterceptor implements NestInterceptor {
  constructor(private readonly site: object) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return new Observable((subscriber) => {
      const scope = new HandlerScope(this.site, context);
      // handle() binds the async context that the handler will run in; subscribe() is where it starts.
      const subscription = runInScope(scope, () => next.handle().subscribe(subscriber));
      return () => {
        subscription.unsubscribe();
        scope.end();
      };
    });
  }
}
