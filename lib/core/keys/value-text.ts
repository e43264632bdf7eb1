/** The text that a value has in a key: of an object, none that may show its contents. */
import { types } from 'node:util';
import { printable } from '../../errors/index.js';

/** Why a value cannot stand in a key. */
export interface Unusable {
  /** The end of a sentence that begins with where the value comes from: `is undefined`. */
  readonly problem: string;
  /** A sentence that says what to use, where it is not what holds for all values. */
  readonly cure?: string;
  /** Did code make it (an instance of a class, a function, a promise)? What a client sends is data. */
  readonly made: boolean;
  /** What its conversion threw. */
  readonly cause?: unknown;
}

/**
 * Of an object: what `toHexString()` gives, or `Symbol.toPrimitive`, or a `toJSON()` that gives a string or a number. A
 * `toString` does not count: that of a document, a model or an error shows its contents, which differ between two reads of
 * the same thing.
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
    return { ...made('is an object that cannot be read'), cause }; // a proxy, revoked
  }
}

function textOfObject(value: object): string | Unusable {
  if (types.isDate(value)) {
    return Number.isNaN(value.getTime()) ? sent('is an invalid Date') : value.toISOString();
  }
  if (Array.isArray(value)) return sent('is an array (several keys are several templates)');
  // Bytes that are no UTF-8 all read alike.
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return sent('is binary data (use its hex form)');
  }
  if (types.isPromise(value)) return made('is a promise (await it first)');
  if (types.isBoxedPrimitive(value)) return textOf(unboxed(value));
  return textOfOwn(value);
}

/** In the order of how surely each of them names the thing. */
const WAYS: ReadonlyArray<[name: string, method: string | symbol, gives: readonly string[]]> = [
  ['toHexString', 'toHexString', ['string']],
  ['Symbol.toPrimitive', Symbol.toPrimitive, ['string', 'number', 'bigint']],
  ['toJSON', 'toJSON', ['string', 'number']],
];

/** The first of the ways that an object has decides. */
function textOfOwn(value: object): string | Unusable {
  const what = describe(value);
  for (const [name, method, gives] of WAYS) {
    let text: unknown;
    try {
      const convert: unknown = Reflect.get(value, method);
      if (typeof convert !== 'function') continue;
      text = Reflect.apply(convert, value, method === Symbol.toPrimitive ? ['string'] : []);
    } catch (cause) {
      return { ...made(`is ${what} whose ${name} throws`), cause };
    }
    if (!gives.includes(typeof text)) return { ...made(`is ${what} ${tells(name, text)}`), cure: ITS_ID };
    // As a Decimal of NaN has it.
    if (/^(?:|-?Infinity|NaN|null|undefined|Invalid .*|\[object .*)$/.test(String(text))) {
      return made(`is ${what} whose ${name} gives nothing to tell it by`);
    }
    return String(text);
  }
  if (hasToString(value)) return { ...made(`is ${what}, whose text may show its contents`), cure: ITS_ID };
  if (classOf(value) === undefined) return sent('is a plain object');
  return { ...made(`is ${what}, which has no text of its own`), cure: 'Use its id.' };
}

/** Other than that of `Object.prototype`, of whichever realm. */
function hasToString(value: object): boolean {
  let owner: object | null = value;
  while (owner !== null && !Object.hasOwn(owner, 'toString')) {
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  if (owner === null || typeof Reflect.get(owner, 'toString') !== 'function') return false;
  return owner === value || Object.getPrototypeOf(owner) !== null;
}

function tells(name: string, text: unknown): string {
  return typeof text === 'object' && text !== null
    ? `whose ${name} gives its contents`
    : `whose ${name} gives ${text === null ? 'null' : `a value of the type ${typeof text}`}`;
}

/** Two reads of one document would make two keys, which exclude nobody. */
const ITS_ID = 'Use its id, or String(value) if its text is the same for the same thing.';

/** `new Number(5)`. */
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
 * The name of its class; undefined of data, as JSON and parsers of queries make it. By its prototypes, and functions alone: a property "constructor" may come from a client, which
 * cannot send functions.
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
