/** Checks that `@Locked` is on a method of instances. Any other place is an error at decoration. */
import { LockWiringError } from '../../errors/index.js';
import { isFromContext } from '../from-context.js';

export type AnyMethod = (this: unknown, ...args: unknown[]) => unknown;

/**
 * @param target what the compiler passes to a decorator: a prototype. For a static member and for a class, it is the
 * class.
 * @param descriptor a number if the decorator is on a parameter.
 * @returns the method.
 * @throws LockWiringError if there is no method that can be locked.
 */
export function checkTarget(target: unknown, name: unknown, descriptor: unknown): AnyMethod {
  if (typeof name === 'object' && name !== null) throw wiringError(STANDARD);
  const place = placeOf(target, name as string | symbol | undefined);
  if (typeof descriptor === 'number') {
    throw wiringError(
      `@Locked is for methods, and it stands on a parameter of ${place}: put it on the method itself.`,
    );
  }
  if (name === undefined) {
    throw wiringError(
      `@Locked is for methods, and ${place} is a class: put it on each method that is to run under the lock.`,
    );
  }
  const { value, ...accessor } = (descriptor ?? {}) as { value?: unknown; get?: unknown; set?: unknown };
  if (accessor.get !== undefined || accessor.set !== undefined) {
    const kind = accessor.get === undefined ? 'setter' : 'getter';
    throw wiringError(`@Locked is for methods, and ${place} is a ${kind}: ${AS_METHOD}`);
  }
  if (typeof value !== 'function')
    throw wiringError(`@Locked is for methods, and ${place} is a property: ${AS_METHOD}`);
  if (typeof target === 'function') {
    throw wiringError(
      `@Locked cannot lock the static method ${place}, as Nest injects into instances only: ${AS_INSTANCE}`,
    );
  }
  if (Object.prototype.toString.call(value) === '[object GeneratorFunction]') {
    throw wiringError(
      `${place} is @Locked and a generator (function*). Its steps would run without the lock, after the method has ` +
        `returned: write it as "async *".`,
    );
  }
  return value as AnyMethod;
}

/**
 * Without parentheses, the compiler calls `@Locked` itself as the decorator, with a target and a name.
 * @throws LockWiringError
 */
export function checkCall(key: unknown, options: unknown): void {
  const isTarget = typeof key === 'object' && !Array.isArray(key) && !isFromContext(key);
  const named = isTarget && (typeof options === 'string' || typeof options === 'symbol');
  const isClass = typeof key === 'function' && /^class\b/.test(Function.prototype.toString.call(key));
  const standard = typeof options === 'object' && options !== null && 'kind' in options && 'name' in options;
  if (named || isClass || standard) throw wiringError(`@Locked needs a key: write @Locked('key').`);
}

const STANDARD = '@Locked needs "experimentalDecorators" in tsconfig.json, as Nest itself does.';
const AS_METHOD = 'write it as a method, such as async name() { … }.';
const AS_INSTANCE = 'make it a method of an instance.';

/** `Stock.take`, or `Stock`. */
function placeOf(target: unknown, name: string | symbol | undefined): string {
  const { constructor } = (target ?? {}) as { constructor?: { name?: string } };
  const owner = typeof target === 'function' ? target.name : constructor?.name;
  const known = owner === undefined || owner === '' ? 'this' : owner;
  return name === undefined ? known : `${known}.${String(name)}`;
}

function wiringError(message: string): LockWiringError {
  return new LockWiringError(message);
}
