/** What a field resolver of GraphQL throws: Nest runs no interceptor around it that would map its LockErrors. */
import { isLockError } from '../../errors/index.js';
import { mapsErrorsOf } from '../../error-mapping/mapping-decision.js';
import { replyTo } from '../../error-mapping/error-reply.js';
import { report } from '../../error-mapping/lock-error.interceptor.js';
import { fieldError } from '../../error-mapping/transport-error.js';
import type { LockedCall } from '../locked-call.interface.js';

/** Of Nest's `@ResolveField`, on the method. */
const FIELD = 'graphql:resolve_property';

/** The error as given, but for a LockError of a field resolver, which is made fit for the client to see. */
export function mapFieldError(error: unknown, { scope, self, method }: LockedCall, service: symbol): unknown {
  // In a scope it is the interceptor's, with `fieldResolverEnhancers`.
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

/** A field's error carries none. */
const NO_STATUS = 0;
