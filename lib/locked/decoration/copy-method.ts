/** Makes a wrapper pass for the method it wraps, so that decorators above and below it work as without it. */

/** A function's own, or of one kind of function only. */
const OWN = new Set<string | symbol>(['length', 'name', 'prototype', 'arguments', 'caller']);

/**
 * Copies Reflect metadata (routes, guards, cron, documentation), name, length and other properties. The prototype is the
 * method's too: aspect libraries have the method inherit its metadata from the function that they replaced.
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
    // Reflect also checks for an ancestor where the wrapper has none: behind the method's "prototype" property.
    if (own.has(key) || !Reflect.hasMetadata(key, wrapper)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
    }
  }
  return wrapper;
}
