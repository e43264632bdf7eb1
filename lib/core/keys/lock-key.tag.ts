/** The template tag that makes keys in code. */
import { LockKeyError } from '../../errors/index.js';
import { madeKeys } from './made-keys.js';
import { keyPart, type LockKeyValue } from './key-value.js';

/**
 * Makes a key. The text stays as it is written. Each value is percent-escaped outside `[A-Za-z0-9_.@-]`, so that no value
 * can produce the key of another template.
 *
 * ```ts
 * lockKey`stock:${sku}`     // sku 'a:b' → 'stock:a%3Ab'
 * ```
 * @throws LockKeyError for a value that cannot be part of a key (`undefined`, an empty string, `NaN`, a plain object …).
 */
export function lockKey(strings: TemplateStringsArray, ...values: LockKeyValue[]): string {
  // A plain call, lockKey(`order:${id}`), passes a string.
  if (typeof strings === 'string') {
    throw new LockKeyError(
      strings,
      'lockKey is a tag: write lockKey`order:${id}`, with backquotes and without parentheses.',
    );
  }
  const text = (index: number): string => strings[index] ?? strings.raw[index] ?? '';
  const template = values.reduce<string>((written, _, i) => `${written}\${${i + 1}}${text(i + 1)}`, text(0));
  const key = values.reduce<string>(
    (made, value, i) => made + keyPart(value, { template, path: `value ${i + 1}` }) + text(i + 1),
    text(0),
  );
  madeKeys.tell?.(key, strings);
  return key;
}
