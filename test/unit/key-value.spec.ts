/** Which values a key may contain, and how they are written in the key. */
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyPart } from '../../lib/core/keys/key-value.js';
import { lockKey } from '../../lib/core/keys/lock-key.tag.js';
import { LockKeyError } from '../../lib/errors/index.js';

const origin = { template: 'order:{params.id}', path: '{params.id}' };
const part = (value: unknown): string => keyPart(value, origin);

/** As in the package bson. */
class ObjectId {
  constructor(private readonly hex: string) {}
  toHexString(): string {
    return this.hex;
  }
  toJSON(): string {
    return this.hex;
  }
  toString(): string {
    return this.hex;
  }
}
/** As in decimal.js, bignumber.js and big.js. */
class Decimal {
  constructor(private readonly digits: string) {}
  toJSON(): string {
    return this.digits;
  }
  toString(): string {
    return this.digits;
  }
}
/** As in luxon, where `toJSON` of an invalid date gives null. */
class DateTime {
  constructor(private readonly iso: string | null) {}
  toJSON(): string | null {
    return this.iso;
  }
  toString(): string {
    return this.iso ?? 'Invalid DateTime';
  }
}
/** As a mongoose model: its text shows its fields, and therefore changes with what was loaded. */
class Model {
  constructor(readonly fields: Record<string, unknown>) {}
  get id(): unknown {
    return this.fields['_id'];
  }
  toJSON(): object {
    return { ...this.fields };
  }
  toString(): string {
    return inspect(this.fields);
  }
}
class Sku {
  constructor(private readonly code: string) {}
  toString(): string {
    return this.code;
  }
}
class Money {
  constructor(private readonly cents: number) {}
  [Symbol.toPrimitive](hint: string): string | number {
    return hint === 'string' ? `${this.cents} cents` : this.cents;
  }
}
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
class Dto {
  readonly id = 1;
}

describe('given a value in a key', () => {
  it.each([
    ['abc', 'abc'],
    ['A-z_0.9@x', 'A-z_0.9@x'],
    ['a:b/c d', 'a%3Ab%2Fc%20d'],
    [`!'()*~%{}`, '%21%27%28%29%2A%7E%25%7B%7D'],
    ['é', '%C3%A9'],
    ['😀', '%F0%9F%98%80'],
    [42, '42'],
    [-0, '0'],
    [1.5, '1.5'],
    [1e21, '1e%2B21'],
    [12345678901234567890n, '12345678901234567890'],
    [true, 'true'],
    [new Date(0), '1970-01-01T00%3A00%3A00.000Z'],
    [new ObjectId('507f1f77'), '507f1f77'],
    [new Decimal('1.50'), '1.50'],
    [new Money(5), '5%20cents'],
    [{ toJSON: () => 5 }, '5'],
    [{ toJSON: () => 'own', toString: () => 'contents' }, 'own'],
    [new DateTime('1970-01-01T00:00:00.000Z'), '1970-01-01T00%3A00%3A00.000Z'],
    [new URL('http://a/b?c'), 'http%3A%2F%2Fa%2Fb%3Fc'],
    [Object(5), '5'],
    [Object('a'), 'a'],
    [Object(true), 'true'],
    [Object(5n), '5'],
    [runInNewContext('new Date(0)'), '1970-01-01T00%3A00%3A00.000Z'],
  ])('then %p is written as %s', (value, written) => {
    expect(part(value)).toBe(written);
  });

  it.each<[string, unknown, string]>([
    ['peers: undefined in a key', undefined, 'is undefined'],
    ['null', null, 'is null'],
    ['an empty string', '', 'is an empty string'],
    ['NaN', NaN, 'is NaN'],
    ['Infinity', Infinity, 'is Infinity'],
    ['an invalid date', new Date(NaN), 'is an invalid Date'],
    ['a plain object', { id: 1 }, 'is a plain object. Use'],
    [
      'an instance without a text',
      new Dto(),
      'is an instance of Dto, which has no text of its own. Use its id',
    ],
    ['an object without a prototype', Object.create(null), 'is a plain object'],
    ['a plain object of another realm', runInNewContext('({ id: 1 })'), 'is a plain object. Use'],
    ['NaN in a box', new Number(NaN), 'is NaN'],
    ['an empty string in a box', new String(''), 'is an empty string'],
    ['a symbol in a box', Object(Symbol('a')), 'is a symbol'],
    ['a box of another realm', runInNewContext('new Number(NaN)'), 'is NaN'],
    [
      'a document',
      new Model({ _id: 1 }),
      'is an instance of Model, and its toJSON gives its contents. Use its id, or',
    ],
    [
      'a class that has a toString alone',
      new Sku('a'),
      'is an instance of Sku, and its text may show its contents. Use',
    ],
    [
      'a toString of its own',
      { toString: () => 'own' },
      'is a plain object, and its text may show its contents',
    ],
    ['an error', new Error('a'), 'is an instance of Error, and its text may show its contents'],
    ['a regular expression', /a/, 'is an instance of RegExp, and its text may show its contents'],
    ['a map', new Map([['a', 1]]), 'is an instance of Map'],
    [
      'parameters of a URL',
      new URLSearchParams('a'),
      'is an instance of URLSearchParams, and its text may show',
    ],
    [
      'a Decimal of NaN',
      new Decimal('NaN'),
      'is an instance of Decimal, and its toJSON gives nothing that identifies it',
    ],
    [
      'a Decimal of an infinity',
      new Decimal('-Infinity'),
      'is an instance of Decimal, and its toJSON gives nothing',
    ],
    ['an invalid DateTime', new DateTime(null), 'is an instance of DateTime, and its toJSON gives null'],
    [
      'a toJSON of a boolean',
      { toJSON: () => true },
      'is a plain object, and its toJSON gives a value of the type boolean',
    ],
    [
      'a toJSON that is a promise',
      { toJSON: async () => 'a' },
      'is a plain object, and its toJSON gives its contents',
    ],
    [
      'a toHexString of no string',
      { toHexString: () => 1, toJSON: () => 'a' },
      'is a plain object, and its toHexString gives',
    ],
    ['a toJSON that throws', { toJSON: () => fail() }, 'is a plain object, and its toJSON throws'],
    ['a revoked proxy', revoked(), 'is an object that cannot be read'],
    [
      'a name for a class that a client made up',
      JSON.parse('{"constructor":{"name":"Evil\\n"}}'),
      'is a plain object. Use',
    ],
    [
      'methods that are none',
      JSON.parse('{"toJSON":"a","toHexString":1,"toString":null}'),
      'is a plain object. Use',
    ],
    [
      'a prototype that a client made up',
      JSON.parse('{"__proto__":{"toJSON":"a"}}'),
      'is a plain object. Use',
    ],
    ['an array', ['a'], 'is an array'],
    ['a function', () => 'a', 'is a function'],
    ['a symbol', Symbol('a'), 'is a symbol'],
    ['a promise', Promise.resolve('a'), 'is a promise'],
    ['bytes', Buffer.from('a'), 'is binary data'],
    ['a buffer of bytes', new ArrayBuffer(2), 'is binary data'],
    ['an empty id', new ObjectId(''), 'is an instance of ObjectId, and its toHexString gives nothing'],
    ['half of a surrogate pair', '\ud83d', 'is no well-formed string'],
  ])('then %s is refused, with the template and the path', (_, value, problem) => {
    const error = thrownBy(() => part(value));
    expect(error).toBeInstanceOf(LockKeyError);
    expect(error.message).toContain('"order:{params.id}"');
    expect(error.message).toContain(`{params.id} ${problem}`);
    expect((error as LockKeyError).key).toBe('order:{params.id}');
  });

  it('then a document is refused: two reads of one document may differ, and their keys would not exclude each other', () => {
    const [brief, whole] = [new Model({ _id: 1 }), new Model({ _id: 1, paid: true })];
    for (const document of [brief, whole]) {
      expect(() => lockKey`order:${document as never}`).toThrow(/Use its id, or String\(value\)/);
    }
    expect(lockKey`order:${String(brief.id)}`).toBe(lockKey`order:${String(whole.id)}`);
  });

  it('then the error of a conversion that throws is kept as the cause', () => {
    const error = thrownBy(() => part({ toJSON: () => fail() }));
    expect(error.cause).toMatchObject({ message: 'not loaded' });
  });

  it('then different texts give different parts of a key, without a separator', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'grapheme', minLength: 1 }),
        (a, b) => {
          expect(part(a) === part(b)).toBe(a === b);
          expect(part(a)).toMatch(/^[A-Za-z0-9_.@%-]+$/);
        },
      ),
    );
  });
});

describe('given the tag lockKey', () => {
  it('then it keeps the text of the template and escapes the values', () => {
    expect(lockKey`order:${'a:b'}/{x}:${7}`).toBe('order:a%3Ab/{x}:7');
    expect(lockKey`plain`).toBe('plain');
  });

  it('then its error names the value that a key cannot contain', () => {
    const id = undefined as unknown as string;
    expect(() => lockKey`order:${1}:${id}`).toThrow(
      /"order:\$\{1\}:\$\{2\}" cannot be made: value 2 is undefined/,
    );
  });

  it('then a call as a function is refused, and the error says how to write the tag', () => {
    expect(() => (lockKey as unknown as (key: string) => string)('order:1')).toThrow(/lockKey is a tag/);
  });
});

function fail(): never {
  throw new Error('not loaded');
}

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('The work did not throw.');
}
