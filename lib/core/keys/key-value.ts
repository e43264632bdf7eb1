/**
 * Which values may be part of a key, and how they are written there. No value can produce the key of another template.
 */
import { LockKeyError, printable, quoted } from '../../errors/index.js';
import { textOf, type Unusable } from './value-text.js';

export type { Unusable } from './value-text.js';

/**
 * A value that can be part of a key. An object needs a text of its own, which identifies the object and shows none of
 * its contents. The text comes from `toHexString()`, from `Symbol.toPrimitive`, or from a `toJSON()` that returns a
 * string or a number. The value is checked again at run time.
 */
export type LockKeyValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | { toHexString(): string }
  | { [Symbol.toPrimitive](hint: 'string'): string | number | bigint }
  | { toJSON(): string | number | null };

/** The origin of a value, for messages. */
export interface ValueOrigin {
  /** The whole template as it was written. */
  readonly template: string;
  /** The part of the template that the value is for. */
  readonly path: string;
  /** The method that the key belongs to, such as `Orders.pay`. */
  readonly label?: string;
}

/**
 * A value as a part of a key, percent-escaped outside `[A-Za-z0-9_.@-]`.
 * @param refuse makes the error, if the caller knows more than the origin.
 * @throws LockKeyError, which names the template and the path. It is thrown for a value that would give different
 * things one key: `undefined`, `null`, an empty string, `NaN`, a plain object, a list. With `undefined`, for example,
 * all callers without an id would share one lock. It is also thrown for an object with a text that may change while it
 * stands for one thing.
 */
export function keyPart(
  value: unknown,
  origin: ValueOrigin,
  refuse: (why: Unusable) => LockKeyError = (why) => unusableValue(origin, why),
): string {
  const text = textOf(value);
  if (typeof text !== 'string') throw refuse(text);
  if (PLAIN.test(text)) return text;
  try {
    // encodeURIComponent does not escape !'()*~. It escapes the @ of e-mail addresses, which is harmless in a key.
    return encodeURIComponent(text)
      .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%40', '@');
  } catch {
    throw refuse({ problem: 'is no well-formed string (half of a surrogate pair)', made: false });
  }
}

/** Nothing of such a text is escaped: nearly all ids are of this kind. */
const PLAIN = /^[\w.@-]+$/;

/** Whether the value can be part of a key. */
export function isUsable(value: unknown): boolean {
  const text = textOf(value);
  return typeof text === 'string' && !/\p{Cs}/u.test(text);
}

export function unusableValue(
  { template, path, label }: ValueOrigin,
  { problem, cure, cause }: Unusable,
  details?: ConstructorParameters<typeof LockKeyError>[2],
): LockKeyError {
  const of = label === undefined ? '' : ` of ${label}`;
  return new LockKeyError(
    template,
    `The lock key ${quoted(template)}${of} cannot be made: ${printable(path, 120)} ${problem}. ${cure ?? RIGHT}`,
    { cause, ...details },
  );
}

const RIGHT =
  'Use a non-empty string, a finite number, a bigint, a boolean, a Date, or an object with toHexString(), ' +
  'Symbol.toPrimitive, or a toJSON() that gives a string or a number.';
