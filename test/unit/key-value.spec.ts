/** What may stand in a key, and how it is written there. */
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyPart } from '../../lib/core/keys/key-value.js';
import { lockKey } from '../../lib/core/keys/lock-key.tag.js';
import { LockKeyError } from '../../lib/errors/index.js';

const origin = { template: 'order:{params.id}', path: '{params.id}' };
const part = (value: unknown): string => keyPart(value, origin);

class ObjectId {
  constructor(private readonly hex: string) {}
  toString(): string {
    return this.hex;
  }
}
class Dto {
  readonly id = 1;
}

describe('a value in a key', () => {
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
    [{ toString: () => 'own' }, 'own'],
    [runInNewContext('new Date(0)'), '1970-01-01T00%3A00%3A00.000Z'],
  ])('%p is written as %s', (value, written) => {
    expect(part(value)).toBe(written);
  });

  it.each<[string, unknown, string]>([
    ['peers: undefined in a key', undefined, 'is undefined'],
    ['null', null, 'is null'],
    ['an empty string', '', 'is an empty string'],
    ['NaN', NaN, 'is NaN'],
    ['Infinity', Infinity, 'is Infinity'],
    ['an invalid date', new Date(NaN), 'is an invalid Date'],
    ['a plain object', { id: 1 }, 'is a plain object without a toString of its own'],
    ['an instance without a toString', new Dto(), 'is an instance of Dto without a toString of its own'],
    ['an object without a prototype', Object.create(null), 'is a plain object without a toString of its own'],
    [
      'a plain object of another realm',
      runInNewContext('({ id: 1 })'),
      'is a plain object whose toString gives nothing to tell it by',
    ],
    ['an array', ['a'], 'is an array'],
    ['a function', () => 'a', 'is a function'],
    ['a symbol', Symbol('a'), 'is a symbol'],
    ['a promise', Promise.resolve('a'), 'is a promise'],
    ['bytes', Buffer.from('a'), 'is binary data'],
    ['an empty toString', new ObjectId(''), 'is an instance of ObjectId whose toString gives nothing'],
    ['half of a surrogate pair', '\ud83d', 'is no well-formed string'],
  ])('%s is refused, with the template and the path', (_, value, problem) => {
    const error = thrownBy(() => part(value));
    expect(error).toBeInstanceOf(LockKeyError);
    expect(error.message).toContain('"order:{params.id}"');
    expect(error.message).toContain(`{params.id} ${problem}`);
    expect((error as LockKeyError).key).toBe('order:{params.id}');
  });

  it('is told apart from every other one, and stays within its part of the key', () => {
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

describe('lockKey', () => {
  it('leaves the text as it is written and escapes the values', () => {
    expect(lockKey`order:${'a:b'}/{x}:${7}`).toBe('order:a%3Ab/{x}:7');
    expect(lockKey`plain`).toBe('plain');
  });

  it('names the value that cannot stand there', () => {
    const id = undefined as unknown as string;
    expect(() => lockKey`order:${1}:${id}`).toThrow(
      /"order:\$\{1\}:\$\{2\}" cannot be made: value 2 is undefined/,
    );
  });

  it('says how it is written when it is called like a function', () => {
    expect(() => (lockKey as unknown as (key: string) => string)('order:1')).toThrow(/lockKey is a tag/);
  });
});

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not throw.');
}
