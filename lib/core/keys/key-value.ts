/** What may stand in a key, and how it is written there: so that no value reaches another name's key. */
import { LockKeyError, printable, quoted } from '../../errors/index.js';
import { textOf, type Unusable } from './value-text.js';

export type { Unusable } from './value-text.js';

/**
 * What a key can be made of. An object needs a text of its own that tells it apart and shows none of its contents:
 * `toHexString()`, `Symbol.toPrimitive`, or a `toJSON()` that gives a string or a number. It is checked again at run time.
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

/** Where a value comes from, for messages. */
export interface ValueOrigin {
  /** The whole template, as it was written. */
  readonly template: string;
  /** The part of it that the value is for. */
  readonly path: string;
  /** The method whose key it is: `Orders.pay`. */
  readonly label?: string;
}

/**
 * A value as a part of a key, percent-escaped outside `[A-Za-z0-9_.@-]`.
 * @param refuse makes the error, where more is known than the origin.
 * @throws LockKeyError naming the template and the path, for a value that would make one key of many: `undefined`
 * and `null` (every caller without an id would share one lock), an empty string, `NaN`, a plain object, a list; and for an
 * object whose text may change while it is the same thing.
 */
export function keyPart(
  value: unknown,
  origin: ValueOrigin,
  refuse: (why: Unusable) => LockKeyError = (why) => unusableValue(origin, why),
): string {
  const text = textOf(value);
  if (typeof text !== 'string') throw refuse(text);
  try {
    // encodeURIComponent leaves !'()*~ as they are, and escapes the @ of e-mail addresses, which is harmless.
    return encodeURIComponent(text)
      .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%40', '@');
  } catch {
    throw refuse({ problem: 'is no well-formed string (half of a surrogate pair)', made: false });
  }
}

/** Can it stand in a key? */
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
