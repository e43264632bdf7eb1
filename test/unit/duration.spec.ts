/** Durations as users write them, and durations that come from the environment. */
import { describe, expect, it } from '@jest/globals';
import { type Duration, duration, isLockError, type LockOptionsError, memoryStore } from '../../lib/index.js';
import { resolveModuleOptions } from '../../lib/module/resolve-module-options.js';

const refusal = (value: unknown, name?: string): LockOptionsError => {
  try {
    duration(value as string, name);
  } catch (error) {
    if (isLockError(error, 'LOCK_OPTIONS')) return error as LockOptionsError;
    throw error;
  }
  throw new Error('The value was accepted.');
};

describe('given a value from the environment as a duration', () => {
  it.each<[string | number, number]>([
    ['30s', 30_000],
    ['250ms', 250],
    ['5 minutes', 300_000],
    ['30sec', 30_000],
    ['2 hours', 7_200_000],
    ['1d', 86_400_000],
    ['2 days', 172_800_000],
    ['.5s', 500],
    ['1.5h', 5_400_000],
    [' 30s\n', 30_000],
    ['0s', 0],
    [0, 0],
    [1_500, 1_500],
  ])('then %j is read as %d ms', (value, ms) => {
    expect(duration(value, 'LOCK_TTL')).toBe(ms);
  });

  it('then the result of a plain string fits the options of the module', () => {
    const fromEnvironment: string = '45s';
    const ttl: Duration = duration(fromEnvironment, 'LOCK_TTL');
    const { policy } = resolveModuleOptions({ store: memoryStore(), defaults: { ttl } });
    expect(policy.ttl).toBe(45_000);
  });

  it.each<[unknown, string]>([
    [undefined, 'is undefined'],
    [null, 'is null'],
    ['', 'is an empty string'],
    ['  ', 'is an empty string'],
    ['30', "is '30', which has no unit: add one, such as 'ms' or 's'"],
    ['30000', "is '30000', which has no unit: add one"],
    ['-5s', "is '-5s', which is negative"],
    [-1, 'is -1, which is negative'],
    [Number.NaN, 'is NaN'],
    ['NaN', "is 'NaN'"],
    [Infinity, 'is Infinity'],
    ['30 days long', "is '30 days long'"],
    ['1w', "is '1w'"],
    ['5M', "is '5M'"],
    ['5  s', "is '5  s'"],
    ['30secs', "is '30secs'"],
    ['3 weeks ago', "is '3 weeks ago'"],
    ['4 weeks', "is '4 weeks'"],
    ['30 days', "is '30 days', which is too long"],
    [2 ** 31, 'is 2147483648, which is too long'],
    [true, 'is true'],
    [5n, 'is 5n'],
    [['5s'], 'is a list of 1;'],
    [{ ms: 5 }, 'is { ms };'],
    [Object.create(null), 'is {};'],
  ])('then %j is refused, with the name of the variable and the problem', (value, problem) => {
    const error = refusal(value, 'LOCK_TTL');
    expect(error.option).toBe('LOCK_TTL');
    expect(error.message).toContain(`The duration "LOCK_TTL" ${problem}`);
    expect(error.message).toMatch(/must be .*'30s'/);
  });

  it('then the error of a value without a name is complete, too', () => {
    expect(refusal('soon').message).toMatch(/^The duration is 'soon'; it must be /);
  });

  it('then no secret is shown that was read from the wrong variable', () => {
    expect(refusal('redis://user:hunter2@host', 'LOCK_TTL').message).not.toContain('hunter2');
    for (const secret of ['hunter2', '12345678']) {
      const error = refusal(secret, 'REDIS_PASSWORD');
      expect(`${error.message}${String(error.value)}`).not.toContain(secret);
    }
  });
});
