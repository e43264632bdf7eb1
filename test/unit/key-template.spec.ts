/** Key templates, and lists of keys. */
import { describe, expect, it } from '@jest/globals';
import { fillTemplate, follow, parseTemplate } from '../../lib/core/keys/key-template.js';
import { normaliseKeys } from '../../lib/core/keys/normalise-keys.js';
import { LockKeyError } from '../../lib/errors/index.js';

const fill = (source: string, values: Record<string, unknown> = {}): string =>
  fillTemplate(parseTemplate(source), (placeholder) => values[placeholder.source]);

describe('given a key template', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['hourly-report', {}, 'hourly-report'],
    ['order:{params.id}', { '{params.id}': 7 }, 'order:7'],
    ['{0}', { '{0}': 'a:b' }, 'a%3Ab'],
    ['{0.sku}:{body.items.0.sku}', { '{0.sku}': 'x', '{body.items.0.sku}': 'y' }, 'x:y'],
    ['{headers.x-request-id}', { '{headers.x-request-id}': 'r' }, 'r'],
    ['a{{b}}:{0}', { '{0}': 1 }, 'a{b}:1'],
    ['{{{0}}}', { '{0}': 1 }, '{1}'],
    ['a:$5', {}, 'a:$5'],
    ['${{x}}', {}, '${x}'],
  ])('then %s is filled with its values', (source, values, key) => {
    expect(fill(source, values)).toBe(key);
  });

  it('then each placeholder is read as a root and a path', () => {
    expect(parseTemplate('{12.a.b}').parts).toEqual([{ source: '{12.a.b}', root: 12, path: ['a', 'b'] }]);
    expect(parseTemplate('{gql.a}').parts).toEqual([{ source: '{gql.a}', root: 'gql', path: ['a'] }]);
  });

  it.each([
    ['order:${id}', /\$\{…\} in plain quotes.*lockKey`order:\$\{id\}`.*\{params\.id\} or \{0\}/],
    ['order:${0}', /in plain quotes/],
    ['order:{params.id', /a "\{" without a "\}"/],
    ['order:params.id}', /a "\}" without a "\{"/],
    ['order:{}', /empty braces/],
    ['order:{ params.id }', /a space or a brace in "\{ params\.id \}"/],
    ['order:{a{0}', /a space or a brace/],
    ['order:{params..id}', /an empty name/],
    ['order:{params.}', /an empty name/],
    ['order:{.id}', /names "" in "\{\.id\}"/],
    ['order:{id}', /names "id".*neither an argument's index nor one of params, query/],
    ['order:{id}', /write \{0\} for the first one, or \{params\.id\} for a part of the request/],
    ['order:{dto.sku}', /write \{0\.sku\} for the first one, or \{params\.dto\.sku\} for/],
    ['order:{-1}', /names "-1"/],
    ['order:{param.id}', /has "\{param\.id\}", .*Did you mean \{params\.id\}\? Write \{0\.sku\}/],
    ['order:{header.x}', /Did you mean \{headers\.x\}\?/],
    ['', /must not be an empty string/],
  ])('then %s is refused when it is parsed', (source, message) => {
    expect(() => parseTemplate(source)).toThrow(LockKeyError);
    expect(() => parseTemplate(source)).toThrow(message);
  });

  it('then a path is followed as far as the values have it', () => {
    expect(follow({ a: [{ b: 1 }] }, ['a', '0', 'b'])).toBe(1);
    expect(follow({ a: null }, ['a', 'b'])).toBeUndefined();
    expect(follow('x', [])).toBe('x');
  });

  it('peers: then a path without a value is refused, and makes no key named "undefined"', () => {
    const template = parseTemplate('order:{0.id}');
    expect(() => fillTemplate(template, ({ path }) => follow({}, path))).toThrow(/\{0\.id\} is undefined/);
  });
});

describe('given a list of keys', () => {
  it('then it is sorted, and holds each key once', () => {
    expect(normaliseKeys('a')).toEqual(['a']);
    expect(normaliseKeys(['b', 'a', 'b', 'A'])).toEqual(['A', 'a', 'b']);
  });

  it('then the list of the caller is not changed', () => {
    const given = Object.freeze(['b', 'a']);
    normaliseKeys(given);
    expect(given).toEqual(['b', 'a']);
  });

  it.each<[unknown, RegExp]>([
    [[], /the list of keys is empty/],
    ['', /an empty string/],
    [['a', ''], /an empty string/],
    [undefined, /this key is undefined/],
    [null, /this key is null/],
    [7, /this key is a number/],
    [['a', ['b']], /this key is an array/],
    [{ a: 1 }, /this key is an object/],
    ['a\udc00', /no well-formed string/],
  ])('then %p is refused', (keys, message) => {
    expect(() => normaliseKeys(keys as string[])).toThrow(LockKeyError);
    expect(() => normaliseKeys(keys as string[])).toThrow(message);
  });
});
