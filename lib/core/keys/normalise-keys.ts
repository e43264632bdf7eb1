/** Brings one key or several, as callers give them, into the form of the core: checked, sorted, and each key once. */
import { LockKeyError, quoted } from '../../errors/index.js';

/**
 * Whether the text has no half of a surrogate pair. UTF-8 cannot write such a half, so two keys that differ in it would be
 * one key in the store.
 */
function isWellFormed(text: string): boolean {
  // Each supported version of Node has the method.
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/**
 * The keys are sorted, so that all callers take several keys in one order, and never wait for each other in a cycle.
 * @throws LockKeyError for an empty list, an empty key, and a key that is no well-formed string.
 */
export function normaliseKeys(key: string | readonly string[]): string[] {
  // The case of nearly all calls, without further work on the way to the store.
  if (typeof key === 'string' && key !== '' && isWellFormed(key)) return [key];
  const given: readonly unknown[] = Array.isArray(key) ? key : [key];
  if (given.length === 0) {
    throw new LockKeyError(
      '[]',
      'A lock needs at least one key, and the list of keys is empty. If nothing is to be locked, take no lock.',
    );
  }
  const keys = new Set<string>();
  for (const each of given) {
    if (typeof each !== 'string') {
      throw new LockKeyError(
        String(typeof each),
        `A lock key must be a string, but this key is ${nameOf(each)}. Make one with lockKey\`…\`.`,
      );
    }
    if (each === '') {
      throw new LockKeyError(
        '',
        'A lock key must not be an empty string. Give it a fixed part, such as "order:".',
      );
    }
    if (!isWellFormed(each)) {
      throw new LockKeyError(
        each,
        `The lock key ${quoted(each)} is no well-formed string (half of a surrogate pair). Make it with lockKey\`…\`: its error tells where the value comes from.`,
      );
    }
    keys.add(each);
  }
  return [...keys].sort();
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
