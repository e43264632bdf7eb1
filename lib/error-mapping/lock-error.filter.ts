/** Maps lock errors of guards and of middleware. They run before interceptors, so no interceptor sees these errors. */
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { BaseExceptionFilter, type HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { LockError } from '../errors/index.js';
import { replyTo } from './error-reply.js';
import { report } from './lock-error.interceptor.js';
import { graphqlError, httpError, messagePayload } from './transport-error.js';

/**
 * Answers a LockError as the interceptor would. Errors of handlers do not come here: the interceptor has mapped them,
 * so they are not LockErrors any more when they reach the filters.
 *
 * Nest tries the filters of the application first. If one of them catches everything, that filter answers in its own
 * way. Nest has no global filters for gateways.
 */
@Catch(LockError)
export class LockErrorFilter implements ExceptionFilter<LockError> {
  constructor(
    private readonly busyStatus: number,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  catch(error: LockError, host: ArgumentsHost): unknown {
    const reply = replyTo(error, this.busyStatus);
    report(reply, error);
    switch (host.getType<string>()) {
      case 'http':
        new BaseExceptionFilter(this.adapterHost.httpAdapter).catch(httpError(host, reply, error), host);
        return undefined;
      case 'rpc':
        return throwError(() => messagePayload(reply));
      case 'graphql':
        throw graphqlError(reply, error);
      default:
        throw error;
    }
  }
}

/** Replaces LockErrorFilter if errors are not mapped. Nest needs some filter, and this one catches no error. */
@Catch(class Nothing {})
export class NoFilter implements ExceptionFilter {
  catch(error: unknown): never {
    throw error;
  }
}
