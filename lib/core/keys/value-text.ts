/** The text of a value in a key. A text that may show the contents of an object is never used. */
import { types } from 'node:util';
import { printable } from '../../errors/index.js';

/** Why a value cannot be part of a key. */
export interface Unusable {
  /** The end of a sentence that begins with the origin of the value, such as `is undefined`. */
  readonly problem: string;
  /** A sentence that says what to use instead. Undefined if the general advice holds. */
  readonly cure?: string;
  /** Whether code made the value: an instance of a class, a function or a promise. A client can only send data. */
  readonly made: boolean;
  /** What the conversion of the value threw. */
  readonly cause?: unknown;
}

/**
 * The text of an object is the result of its `toHexString()`, of its `Symbol.toPrimitive`, or of a `toJSON()` that
 * returns a string or a number. A `toString` does not count. The `toString` of a document, a model or an error shows
 * its contents, which may differ between two reads of one record.
 */
export function textOf(value: unknown): string | Unusable {
  switch (typeof value) {
    case 'string':
      return value === '' ? sent('is an empty string') : value;
    case 'number':
      return Number.isFinite(value) ? String(value) : sent(`is ${value}`);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? sent('is null') : textOfReadable(value);
    case 'undefined':
      return sent('is undefined');
    case 'symbol':
    case 'function':
      return made(`is a ${typeof value}`);
  }
}

function textOfReadable(value: object): string | Unusable {
  try {
    return textOfObject(value);
  } catch (cause) {
    return { ...made('is an object that cannot be read'), cause }; // a revoked proxy
  }
}

function textOfObject(value: object): string | Unusable {
  if (types.isDate(value)) {
    return Number.isNaN(value.getTime()) ? sent('is an invalid Date') : value.toISOString();
  }
  if (Array.isArray(value)) return sent('is an array (several keys are several templates)');
  // All bytes that are not valid UTF-8 would give one text.
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return sent('is binary data (use its hex form)');
  }
  if (types.isPromise(value)) return made('is a promise (await it first)');
  if (types.isBoxedPrimitive(value)) return textOf(unboxed(value));
  return textOfOwn(value);
}

/** The most reliable way to identify an object comes first. */
const WAYS: ReadonlyArray<[name: string, method: string | symbol, gives: readonly string[]]> = [
  ['toHexString', 'toHexString', ['string']],
  ['Symbol.toPrimitive', Symbol.toPrimitive, ['string', 'number', 'bigint']],
  ['toJSON', 'toJSON', ['string', 'number']],
];

/** Of the ways that an object has, the first decides. */
function textOfOwn(value: object): string | Unusable {
  const what = describe(value);
  for (const [name, method, gives] of WAYS) {
    let text: unknown;
    try {
      const convert: unknown = Reflect.get(value, method);
      if (typeof convert !== 'function') continue;
      text = Reflect.apply(convert, value, method === Symbol.toPrimitive ? ['string'] : []);
    } catch (cause) {
      return { ...made(`is ${what}, and its ${name} throws`), cause };
    }
    if (!gives.includes(typeof text))
      return { ...made(`is ${what}, and its ${name} gives ${resultOf(text)}`), cure: ITS_ID };
    // For example, the toJSON of a Decimal that is NaN.
    if (/^(?:|-?Infinity|NaN|null|undefined|Invalid .*|\[object .*)$/.test(String(text))) {
      return made(`is ${what}, and its ${name} gives nothing that identifies it`);
    }
    return String(text);
  }
  if (hasToString(value)) return { ...made(`is ${what}, and its text may show its contents`), cure: ITS_ID };
  if (classOf(value) === undefined) return sent('is a plain object');
  return { ...made(`is ${what}, which has no text of its own`), cure: 'Use its id.' };
}

/** Whether the object has a `toString` that is not the one of `Object.prototype`. The realm does not matter. */
function hasToString(value: object): boolean {
  let owner: object | null = value;
  while (owner !== null && !Object.hasOwn(owner, 'toString')) {
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  if (owner === null || typeof Reflect.get(owner, 'toString') !== 'function') return false;
  return owner === value || Object.getPrototypeOf(owner) !== null;
}

/** What a conversion gave instead of a text, for messages. */
function resultOf(text: unknown): string {
  if (text === null) return 'null';
  return typeof text === 'object' ? 'its contents' : `a value of the type ${typeof text}`;
}

/** Two reads of one document would give two keys, which exclude nobody. */
const ITS_ID = 'Use its id, or String(value) if its text is the same for the same thing.';

/** The value in a box such as `new Number(5)`. */
function unboxed(value: object): unknown {
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value);
  return Symbol.prototype.valueOf.call(value);
}

function describe(value: object): string {
  const name = classOf(value);
  return name === undefined ? 'a plain object' : `an instance of ${printable(name, 80)}`;
}

/**
 * The name of the value's class. Undefined for data, as JSON and query parsers make it. Only prototypes and functions are
 * read, because a property "constructor" may come from a client, and a client cannot send functions.
 */
function classOf(value: object): string | undefined {
  let prototype = Object.getPrototypeOf(value) as object | null;
  while (prototype !== null) {
    const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    if (typeof made === 'function') return made.name === 'Object' ? undefined : made.name || 'a class';
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return undefined;
}

function sent(problem: string): Unusable {
  return { problem, made: false };
}

function made(problem: string): Unusable {
  return { problem, made: true };
}
