/** The decorator. */
import { UseInterceptors } from '@nestjs/common';
import type { DeclaredOptions } from '../core/options/acquire.options.js';
import { LockedInterceptor } from '../locked/locked.interceptor.js';
import { checkArguments } from '../locked/decoration/argument-check.js';
import { declareClientOptions } from '../locked/decoration/client-options.js';
import { copyMethod } from '../locked/decoration/copy-method.js';
import { declareKeys } from '../locked/key/declared-keys.js';
import { compileKey } from '../locked/key/compile-key.js';
import type { LockedMethod } from '../locked/call/run-locked.js';
import { kindOf, lockedMethod } from '../locked/call/locked-method.js';
import { resolveLockedOptions } from '../locked/locked.options.js';
import type { BusyOf, LockedKey, LockedLiteral, LockedOptions, OnBusy } from '../locked/locked.types.js';
import type { LockedDecorator } from '../locked/locked.type-checks.js';
import { checkTarget } from '../locked/decoration/decorated-target.js';
import { declareService } from '../locked/decoration/service-property.js';

/**
 * Runs a method under a lock: each call of it, whether Nest or other code made it. Works on handlers and on the
 * methods of every class that Nest makes, in any order with other decorators.
 *
 * ```ts
 * @Post(':id/pay')
 * @Locked('order:{params.id}')
 * async pay(@Param('id', ParseIntPipe) id: number) {}
 *
 * @Locked((sku: string) => lockKey`stock:${sku}`, { wait: '2s' })
 * async take(sku: string, n: number) {}
 * ```
 *
 * A handler's lock is taken after its guards, interceptors and pipes. A result that goes on after the return keeps it:
 * an Observable (in handlers; elsewhere declared as one, then each subscription takes the lock), an async generator,
 * and, in handlers, what Nest streams to the client. A handler that still waits for its lock is withdrawn when its
 * client disconnects or its Observable is unsubscribed. (Nest runs an interceptor that stands above `@Locked` on the
 * method inside of it: write one that releases on the handler below, so that it withdraws a wait at once.)
 *
 * @param key a static string; a template of arguments (`{0.sku}`) and request parts (`{params.id}`, `{query.x}`,
 * `{body.x}`, `{headers.x}`, `{user.id}`, `{data.x}`, `{gql.x}`), which stand for the argument bound to them, after
 * pipes, or for the raw request where no parameter binds them; an array of these; a function of the method's
 * arguments; `fromContext(ctx => key)`.
 * @throws LockKeyError and LockOptionsError at decoration, for a key or an option that cannot be meant. A call rejects
 * with the method's own error, untouched, or with a LockError of the acquisition, or with a LockLostError once the
 * method has settled; with a LockWiringError where there is no LockService: it never runs unlocked.
 */
export function Locked<const K extends LockedKey, O extends LockedOptions>(
  key: K,
  options: (O & DeclaredOptions<O>) | undefined,
): LockedDecorator<K, BusyOf<O>>;
export function Locked<const K extends LockedKey, B extends OnBusy = OnBusy>(
  key: K,
  options?: LockedLiteral<B>,
): LockedDecorator<K, B>;
export function Locked(key: LockedKey, options?: LockedOptions): unknown {
  const resolved = resolveLockedOptions(options);
  const { keyOf, templates } = compileKey(key);
  const decorator: AnyDecorator = (target, name, descriptor) => {
    const original = checkTarget(target, name, descriptor);
    const label = `${target.constructor.name}.${String(name)}`;
    checkArguments(templates, original, Reflect.getOwnMetadata('design:paramtypes', target, name), label);
    const locked: LockedMethod = {
      method: name,
      label,
      body: original,
      keyOf,
      options: resolved,
      service: declareService(target, resolved.service),
    };
    declareKeys(target, name, label, templates, original);
    declareClientOptions(target, name, locked.label, resolved);
    const decoration = {};
    const kind = kindOf(original, Reflect.getMetadata('design:returntype', target, name));
    const wrapper = copyMethod(original, lockedMethod(locked, kind, decoration));
    descriptor.value = wrapper;
    UseInterceptors(new LockedInterceptor(decoration))(target, name, descriptor);
  };
  return decorator;
}

/** What is returned, without what the overloads say of it: to compare the two, the compiler goes too deep. */
type AnyDecorator = (target: object, name: string | symbol, descriptor: PropertyDescriptor) => void;
