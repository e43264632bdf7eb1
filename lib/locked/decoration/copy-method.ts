/**
 * Makes a wrapper resemble the method that it wraps, so that decorators above and below it work as without the wrapper.
 */

/** Properties that each function has itself, or that only some kinds of functions have. They are not copied. */
const OWN = new Set<string | symbol>(['length', 'name', 'prototype', 'arguments', 'caller']);

/**
 * Copies Reflect metadata (routes, guards, cron, documentation), the name, the length and other properties. The
 * prototype of the method is copied too, because aspect libraries let a method inherit metadata from the function that
 * they replaced.
 */
export function copyMethod<F extends (...args: never[]) => unknown>(original: object, wrapper: F): F {
  const { name, length } = original as { name: string; length: number };
  Object.setPrototypeOf(wrapper, Object.getPrototypeOf(original) as object | null);
  Object.defineProperties(wrapper, {
    name: { value: name, configurable: true },
    length: { value: length, configurable: true },
  });
  for (const property of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, property);
    if (descriptor !== undefined && !OWN.has(property)) Object.defineProperty(wrapper, property, descriptor);
  }
  const own = new Set<unknown>(Reflect.getOwnMetadataKeys(original));
  for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
    // Inherited keys are copied only if the wrapper does not inherit them too. Reflect finds an ancestor also by the
    // "prototype" property of the method, and the wrapper does not have that ancestor.
    if (own.has(key) || !Reflect.hasMetadata(key, wrapper)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
    }
  }
  return wrapper;
}
