/** What may stand in a key, and how it is written there: so that no value reaches another name's key. */
import { types } from 'node:util';
import { LockKeyError, quoted } from '../../errors/index.js';

/** What a key can be made of. Checked again when it is used: an object needs a `toString` of its own class. */
export type LockKeyValue = string | number | bigint | boolean | Date | { toString(): string };

/** Where a value comes from, for messages. */
export interface ValueOrigin {
  /** The whole template, as it was written. */
  readonly template: string;
  /** The part of it that the value is for. */
  readonly path: string;
}

/**
 * A value as a part of a key, percent-escaped outside `[A-Za-z0-9_.@-]`.
 * @throws LockKeyError naming the template and the path, for a value that would make one key of many: `undefined`
 * and `null` (every caller without an id would share one lock), an empty string, `NaN`, a plain object, a list.
 */
export function keyPart(value: unknown, origin: ValueOrigin): string {
  const text = textOf(value, origin);
  try {
    // encodeURIComponent leaves !'()*~ as they are, and escapes the @ of e-mail addresses, which is harmless.
    return encodeURIComponent(text)
      .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%40', '@');
  } catch {
    throw refuse(origin, 'is no well-formed string (half of a surrogate pair)');
  }
}

function textOf(value: unknown, origin: ValueOrigin): string {
  switch (typeof value) {
    case 'string':
      if (value === '') throw refuse(origin, 'is an empty string');
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw refuse(origin, `is ${value}`);
      return String(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? refused(origin, 'is null') : textOfObject(value, origin);
    case 'undefined':
      return refused(origin, 'is undefined');
    case 'symbol':
    case 'function':
      return refused(origin, `is a ${typeof value}`);
  }
}

function textOfObject(value: object, origin: ValueOrigin): string {
  if (types.isDate(value)) {
    if (Number.isNaN(value.getTime())) throw refuse(origin, 'is an invalid Date');
    return value.toISOString();
  }
  if (Array.isArray(value)) throw refuse(origin, 'is an array (several keys are several templates)');
  // Bytes that are no UTF-8 all read alike.
  if (ArrayBuffer.isView(value)) throw refuse(origin, 'is binary data (use its hex form)');
  if (types.isPromise(value)) throw refuse(origin, 'is a promise (await it first)');
  const toString: unknown = (value as { toString?: unknown }).toString;
  if (typeof toString !== 'function' || toString === Object.prototype.toString) {
    throw refuse(origin, `is ${describe(value)} without a toString of its own`);
  }
  const text: unknown = toString.call(value);
  // Object.prototype.toString of another realm, such as a test runner's, is not identical to ours.
  if (typeof text !== 'string' || text === '' || text.startsWith('[object ')) {
    throw refuse(origin, `is ${describe(value)} whose toString gives nothing to tell it by`);
  }
  return text;
}

function describe(value: object): string {
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an instance of ${name}`
    : 'a plain object';
}

function refused(origin: ValueOrigin, problem: string): never {
  throw refuse(origin, problem);
}

function refuse({ template, path }: ValueOrigin, problem: string): LockKeyError {
  return new LockKeyError(
    template,
    `The lock key ${quoted(template)} cannot be made: ${path} ${problem}. ` +
      'Use a non-empty string, a finite number, a bigint, a boolean, a Date, or an object with its own toString.',
  );
}
