/** A lock key that a function reads from Nest's ExecutionContext. */
import type { ExecutionContext } from '@nestjs/common';

const MARK = Symbol.for('nestjs-locked.from-context');

export interface FromContextKey {
  readonly keyOf: (context: ExecutionContext) => string | readonly string[];
}

/**
 * For `@Locked` on handlers, if the key depends on data that no template can name, such as a session or a custom
 * context.
 *
 * ```ts
 * @Locked(fromContext((ctx) => lockKey`tenant:${ctx.switchToHttp().getRequest().tenant.id}`))
 * ```
 *
 * The function reads the raw request, because no pipe has changed the request object. If Nest did not call the method
 * as a handler, there is no context, and the call rejects with a LockKeyError.
 *
 * @throws TypeError if `keyOf` is not a function.
 */
export function fromContext(
  keyOf: (context: ExecutionContext) => string | readonly string[],
): FromContextKey {
  if (typeof keyOf !== 'function') throw new TypeError('fromContext(ctx => key) needs a function.');
  return Object.freeze({ keyOf, [MARK]: true });
}

export function isFromContext(key: unknown): key is FromContextKey {
  return typeof key === 'object' && key !== null && MARK in key;
}
