/** The decorator `@Locked`. */
import { UseInterceptors } from '@nestjs/common';
import type { DeclaredOptions } from '../core/options/acquire.options.js';
import { LockedInterceptor } from '../locked/locked.interceptor.js';
import { checkArguments } from '../locked/decoration/argument-check.js';
import { declareClientOptions } from '../locked/decoration/client-options.js';
import { declareAnswers } from '../locked/decoration/declared-answers.js';
import { copyMethod } from '../locked/decoration/copy-method.js';
import { declareKeys } from '../locked/key/declared-keys.js';
import { compileKey } from '../locked/key/compile-key.js';
import type { LockedMethod } from '../locked/call/run-locked.js';
import { kindOf, lockedMethod } from '../locked/call/locked-method.js';
import { resolveLockedOptions, withOrigin } from '../locked/locked.options.js';
import type { BusyOf, LockedKey, LockedLiteral, LockedOptions, OnBusy } from '../locked/locked.types.js';
import type { LockedDecorator } from '../locked/locked.type-checks.js';
import { checkCall, checkTarget } from '../locked/decoration/decorated-target.js';
import { declareService } from '../locked/decoration/service-property.js';

/**
 * Runs a method under a lock, at each call, whether Nest or other code calls it. It works on handlers and on the
 * methods of every class that Nest makes.
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
 * The lock of a handler is acquired after its guards, interceptors and pipes. If the result continues after the method
 * has returned, the lock is held until the result ends:
 *
 * - An Observable. Outside of handlers the method must be declared to return one. Each subscription then acquires the
 *   lock.
 * - An async generator.
 * - In handlers, a result that Nest streams to the client.
 *
 * Decorators that only describe the method, such as `@Post`, `@Cron` and `@UseGuards`, may be above or below `@Locked`.
 * The order matters for a decorator that wraps the method: the upper decorator is the outer one. Put `@Locked` above
 * `@Transactional`. Then the transaction is committed before the lock is released. In the other order the lock is
 * released before COMMIT, and the next caller reads old data. If an interceptor commits the transaction, no order of
 * the decorators helps: use `holdUntil: 'response'`.
 *
 * A handler that still waits for its lock is withdrawn if its client disconnects or its Observable is unsubscribed.
 *
 * If an interceptor on the method is above `@Locked`, Nest runs that interceptor inside `@Locked`. An
 * interceptor that unsubscribes from the handler early, such as a timeout, should be below `@Locked`. Then it ends the
 * wait for the lock at once.
 *
 * @param key one of these:
 * - A static string.
 * - A template of arguments, such as `{0.sku}`, and of parts of the request: `{params.id}`, `{query.x}`, `{body.x}`,
 *   `{headers.x}`, `{user.id}`, `{data.x}`, `{gql.x}`. If a parameter is bound to that part of the request, the
 *   placeholder uses its value after pipes. Otherwise the raw value of the request is used.
 * - An array of these.
 * - A function of the arguments of the method.
 * - `fromContext(ctx => key)`.
 * @throws LockKeyError and LockOptionsError at decoration, for an invalid key or option. A call rejects with the error
 * of the method itself, unchanged, or with a LockError of the acquisition. If the lock was lost, it rejects with a
 * LockLostError after the method has settled. If there is no LockService, it rejects with a LockWiringError: the method
 * never runs without the lock.
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
  checkCall(key, options);
  const resolved = resolveLockedOptions(options);
  const { keyOf, templates } = compileKey(key);
  const template = templates.length === 0 ? undefined : templates.map(({ source }) => source).join(', ');
  const decorator: AnyDecorator = (target, name, descriptor) => {
    const original = checkTarget(target, name, descriptor);
    const label = `${target.constructor.name}.${String(name)}`;
    checkArguments(templates, original, Reflect.getOwnMetadata('design:paramtypes', target, name), label);
    const locked: LockedMethod = {
      method: name,
      label,
      body: original,
      keyOf,
      options: withOrigin(resolved, { label, template }),
      service: declareService(target, resolved.service),
    };
    declareKeys(target, name, label, templates, original);
    declareClientOptions(target, name, locked.label, resolved);
    declareAnswers(target, name, templates, resolved);
    const decoration = {};
    const kind = kindOf(original, Reflect.getMetadata('design:returntype', target, name));
    const wrapper = copyMethod(original, lockedMethod(locked, kind, decoration));
    descriptor.value = wrapper;
    UseInterceptors(new LockedInterceptor(decoration))(target, name, descriptor);
  };
  return decorator;
}

/**
 * The type of the decorator without the types of the overloads. If the implementation had those types, the compiler
 * would reach its limit of recursion when it compares them.
 */
type AnyDecorator = (target: object, name: string | symbol, descriptor: PropertyDescriptor) => void;
