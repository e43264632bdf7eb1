/** Lock errors that no interceptor sees: those of guards and of middleware, which run before. */
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { BaseExceptionFilter, type HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { LockError } from '../errors/index.js';
import { replyTo } from './error-reply.js';
import { report } from './lock-error.interceptor.js';
import { graphqlError, httpError, messagePayload } from './transport-error.js';

/**
 * Answers as the interceptor would have made the client see it. It has no part in what handlers throw: that is no
 * LockError any more when it gets to the filters.
 *
 * Nest requests the application's own filters first: one that catches everything answers in its own way. It has no global
 * filters for gateways.
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

/** In its place where errors are not to be mapped: Nest wants a filter, and this one is requested nothing. */
@Catch(class Nothing {})
export class NoFilter implements ExceptionFilter {
  catch(error: unknown): never {
    throw error;
  }
}
