/**
 * The lock errors of GraphQL field resolvers. By default Nest runs no interceptor around a field resolver, so the error
 * is mapped here.
 */
import { isLockError } from '../../errors/index.js';
import { mapsErrorsOf } from '../../error-mapping/mapping-decision.js';
import { replyTo } from '../../error-mapping/error-reply.js';
import { report } from '../../error-mapping/lock-error.interceptor.js';
import { fieldError } from '../../error-mapping/transport-error.js';
import type { LockedCall } from '../locked-call.js';

/** The metadata key that Nest's `@ResolveField` sets on the method. */
const FIELD = 'graphql:resolve_property';

/**
 * Maps a LockError of a field resolver to one that shows the client nothing it must not see. Every other error is
 * returned unchanged.
 * @param service the property of the instance that has the LockService.
 */
export function mapFieldError(error: unknown, { scope, self, method }: LockedCall, service: symbol): unknown {
  // With `fieldResolverEnhancers` an interceptor runs around the resolver, opens a scope, and maps the error.
  if (scope !== undefined || !isLockError(error)) return error;
  const { [method]: resolver, [service]: locks } = Object(self) as Record<
    symbol | string,
    object | undefined
  >;
  if (typeof resolver !== 'function' || Reflect.getMetadata(FIELD, resolver) !== true) return error;
  if (!mapsErrorsOf(locks)) return error;
  const reply = replyTo(error, NO_STATUS);
  report(reply, error);
  return fieldError(reply, error);
}

/** The error of a field has no HTTP status. */
const NO_STATUS = 0;
