/** One key or several, as callers give them, to the one form the core works with: sorted, each once, all of them names. */
import { LockKeyError, quoted } from '../../errors/index.js';

/** Half of a surrogate pair: UTF-8 has no way to write it, so that two such keys would be one in the store. */
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * Sorted, so that every caller takes several keys in the same order and none waits for another in a cycle.
 * @throws LockKeyError for an empty list, an empty key, or anything but well-formed strings.
 */
export function normaliseKeys(key: string | readonly string[]): string[] {
  // Nearly all, and short of work on the way to the store.
  if (typeof key === 'string' && key !== '' && !LONE_SURROGATE.test(key)) return [key];
  const given: readonly unknown[] = Array.isArray(key) ? key : [key];
  if (given.length === 0) {
    throw new LockKeyError(
      '[]',
      'A lock needs at least one key, and the list of keys is empty. Leave the lock out where nothing is to be locked.',
    );
  }
  const keys = new Set<string>();
  for (const each of given) {
    if (typeof each !== 'string') {
      throw new LockKeyError(
        String(typeof each),
        `A lock key must be a string, and this one is ${nameOf(each)}. Make one with lockKey\`…\`.`,
      );
    }
    if (each === '') {
      throw new LockKeyError(
        '',
        'A lock key is an empty string, which names nothing. Give it a fixed part, such as "order:".',
      );
    }
    if (LONE_SURROGATE.test(each)) {
      throw new LockKeyError(
        each,
        `The lock key ${quoted(each)} is no well-formed string (half of a surrogate pair). Make it with lockKey\`…\`, which says where it comes from.`,
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
