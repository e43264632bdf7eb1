/** Makes a wrapper pass for the method it wraps, so that decorators above and below it work as without it. */

/** A function's own, or of one kind of function only. */
const OWN = new Set<string | symbol>(['length', 'name', 'prototype', 'arguments', 'caller']);

/** Copies Reflect metadata (routes, guards, cron, documentation), name, length and other properties. */
export function copyMethod<F extends (...args: never[]) => unknown>(original: object, wrapper: F): F {
  const { name, length } = original as { name: string; length: number };
  Object.defineProperties(wrapper, {
    name: { value: name, configurable: true },
    length: { value: length, configurable: true },
  });
  for (const property of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, property);
    if (descriptor !== undefined && !OWN.has(property)) Object.defineProperty(wrapper, property, descriptor);
  }
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
  return wrapper;
}
