/** A key read off Nest's ExecutionContext. */
import type { ExecutionContext } from '@nestjs/common';

const MARK = Symbol.for('nestjs-locked.from-context');

export interface FromContextKey {
  readonly keyOf: (context: ExecutionContext) => string | readonly string[];
}

/**
 * For `@Locked` on handlers whose key lies where no template reaches: in a session, a custom context.
 *
 * ```ts
 * @Locked(fromContext((ctx) => lockKey`tenant:${ctx.switchToHttp().getRequest().tenant.id}`))
 * ```
 * What the request says is read as it came, before pipes. Where Nest did not call the method as a handler there is
 * no context: a LockKeyError.
 */
export function fromContext(
  keyOf: (context: ExecutionContext) => string | readonly string[],
): FromContextKey {
  if (typeof keyOf !== 'function') throw new TypeError('fromContext(ctx => key) takes a function.');
  return Object.freeze({ keyOf, [MARK]: true });
}

export function isFromContext(key: unknown): key is FromContextKey {
  return typeof key === 'object' && key !== null && MARK in key;
}
