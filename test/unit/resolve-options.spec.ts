/** Options of an acquisition: defaults, checks, messages. */
import { describe, expect, it } from '@jest/globals';
import { closest } from '../../lib/core/options/option-checks.js';
import { resolveAcquire, resolvePolicy, resolveUsing } from '../../lib/core/options/resolve-options.js';
import { resolveLockedOptions } from '../../lib/locked/locked.options.js';
import { type LockOptionsError, isLockError } from '../../lib/errors/index.js';

const policy = resolvePolicy();

/** A value that a user without TypeScript may pass. */
function untyped(value: unknown): never {
  return value as never;
}

function refusal(run: () => unknown): LockOptionsError {
  try {
    run();
  } catch (error) {
    if (isLockError(error, 'LOCK_OPTIONS')) return error as LockOptionsError;
    throw error;
  }
  throw new Error('The options were accepted.');
}

describe('given the defaults of the module', () => {
  it('then the policy has the documented values', () => {
    expect(policy).toEqual({
      ttl: 30_000,
      wait: 10_000,
      renew: true,
      maxHold: Infinity,
      minHold: 0,
      reentry: 'throw',
      within: undefined,
      signal: undefined,
      access: { kind: 'exclusive', limit: 1 },
      onLost: 'throw',
    });
  });

  it('then durations are accepted as strings and as milliseconds', () => {
    const own = resolvePolicy({ ttl: '5s', wait: 250, renew: false, maxHold: '2m', onLost: 'warn' });
    expect(own).toMatchObject({ ttl: 5_000, wait: 250, renew: false, maxHold: 120_000, onLost: 'warn' });
  });

  it('then undefined counts as "not given"', () => {
    expect(resolvePolicy({ ttl: undefined, wait: undefined, maxHold: undefined })).toEqual(policy);
  });

  it('then the policy cannot be changed afterwards', () => {
    expect(Object.isFrozen(policy)).toBe(true);
  });

  it.each([
    [
      'ttl',
      '30',
      /"defaults\.ttl" is '30', which has no unit: .*; it must be a duration in milliseconds, or a string/,
    ],
    ['ttl', 49, /"defaults\.ttl" is 49; .* of at least 50 ms/],
    ['ttl', '10ms', /"defaults\.ttl" is '10ms'; .* of at least 50 ms/],
    ['ttl', '0s', /"defaults\.ttl" is '0s'; .* of at least 50 ms/],
    ['wait', -1, /"defaults\.wait" is -1/],
    ['wait', Infinity, /"defaults\.wait" is Infinity, which is too long for a timer/],
    ['maxHold', 0, /"defaults\.maxHold" is 0; .* of at least 1 ms/],
    ['renew', 'yes', /"defaults\.renew" is 'yes'; it must be true or false/],
    ['onLost', 'ignore', /"defaults\.onLost" is 'ignore'; it must be 'throw' or 'warn'/],
  ])('then an invalid %s, %p, is refused by its path', (name, value, message) => {
    const error = refusal(() => resolvePolicy(untyped({ [name]: value })));
    expect(error).toMatchObject({ option: `defaults.${name}`, value });
    expect(error.message).toMatch(message);
  });

  it('then options of a call alone are refused, and misspelt names, too', () => {
    const ofCall = refusal(() => resolvePolicy(untyped({ minHold: '1s' })));
    expect(ofCall.option).toBe('defaults.minHold');
    expect(ofCall.message).toMatch(/"minHold" cannot be a default of the module\./);
    const error = refusal(() => resolvePolicy(untyped({ tll: '5s' })));
    expect(error.message).toMatch(/no lock option "defaults\.tll"\. Did you mean "defaults\.ttl"\?/);
  });

  it.each([null, [], 'ttl', 5])('then %p in place of an object is refused', (value) => {
    expect(refusal(() => resolvePolicy(untyped(value))).option).toBe('defaults');
  });
});

describe('given the options of a call', () => {
  it('then no options give the policy itself', () => {
    expect(resolveAcquire(undefined, policy)).toBe(policy);
    expect(resolveUsing(undefined, policy)).toBe(policy);
  });

  it('then an option that is not given comes from the policy', () => {
    const own = resolvePolicy({ ttl: '5s', maxHold: '1m', renew: false });
    expect(resolveAcquire({ wait: '1s', minHold: '3s' }, own)).toMatchObject({
      ttl: 5_000,
      wait: 1_000,
      renew: false,
      maxHold: 60_000,
      minHold: 3_000,
    });
    expect(resolveAcquire({ ttl: undefined }, own).ttl).toBe(5_000);
  });

  it('then a call may enable renewal again, and maxHold counts for a hold without renewal', () => {
    const own = resolvePolicy({ renew: false });
    expect(resolveAcquire({ renew: true }, own).renew).toBe(true);
    // extend() may lengthen such a hold beyond its ttl, up to maxHold.
    expect(resolveAcquire({ renew: false, ttl: '1s', maxHold: '5s' }, policy)).toMatchObject({
      maxHold: 5_000,
    });
  });

  it('then wait: 0, minHold: 0 and a ttl of 50 ms are accepted', () => {
    expect(resolveAcquire({ wait: 0, minHold: 0, ttl: 50 }, policy)).toMatchObject({
      wait: 0,
      minHold: 0,
      ttl: 50,
    });
  });

  it('then "reentry" is "throw" unless the call says otherwise; the defaults cannot say otherwise', () => {
    expect(resolveAcquire({}, policy).reentry).toBe('throw');
    expect(resolveUsing({ reentry: 'join' }, policy).reentry).toBe('join');
    expect(resolveUsing({ reentry: 'wait' }, policy).reentry).toBe('wait');
    expect(refusal(() => resolvePolicy(untyped({ reentry: 'join' }))).option).toBe('defaults.reentry');
  });

  it.each([true, false, undefined])(
    'then "reentrant: %p" is refused, and the error names "reentry" and its values',
    (value) => {
      const error = refusal(() => resolveAcquire(untyped({ reentrant: value }), policy));
      expect(error).toMatchObject({ option: 'reentrant', value });
      expect(error.message).toMatch(/no lock option "reentrant".*"reentry".*'join'.*'wait'.*'throw'/);
      expect(refusal(() => resolveLockedOptions(untyped({ reentrant: value }))).message).toBe(error.message);
    },
  );

  it('then "within" at a decoration is refused, for no lock is held yet, and the error names the cure', () => {
    const error = refusal(() => resolveLockedOptions(untyped({ within: {} })));
    expect(error.option).toBe('within');
    expect(error.message).toMatch(/before any lock is held.*reentry: 'join'/);
  });

  it('then the signal is kept', () => {
    const { signal } = new AbortController();
    expect(resolveAcquire({ signal }, policy).signal).toBe(signal);
  });

  it.each([
    ['ttl', 49],
    ['ttl', Number.NaN],
    ['ttl', '1 fortnight'],
    ['ttl', 2 ** 31],
    ['wait', '-1s'],
    ['wait', null],
    ['maxHold', 0],
    ['minHold', -5],
    ['renew', 1],
    ['reentry', 'yes'],
    ['reentry', true],
    ['reentry', null],
    ['within', 'a'],
    ['within', {}],
    ['within', null],
    ['signal', {}],
    ['signal', new AbortController()],
    ['signal', null],
    ['mode', 'Shared'],
    ['mode', true],
    ['mode', 'semaphore'],
    ['limit', 0],
    ['limit', -1],
    ['limit', 1.5],
    ['limit', '3'],
    ['limit', Infinity],
    ['limit', 2 ** 60],
    ['limit', null],
  ])('then an invalid %s, %p, is refused', (name, value) => {
    const error = refusal(() => resolveAcquire(untyped({ [name]: value }), policy));
    // Of an object only the shape is shown, because the object may contain secrets.
    expect(error).toMatchObject({ option: name, value: Object(value) === value ? undefined : value });
    expect(error.message).toContain(`"${name}"`);
  });

  it.each([
    ['timeToLive', 'Known here: ttl, wait, renew, maxHold, minHold, reentry, within, signal, mode, limit.'],
    ['Ttl', 'Did you mean "ttl"?'],
    ['maxhold', 'Did you mean "maxHold"?'],
    ['minHodl', 'Did you mean "minHold"?'],
    ['waits', 'Did you mean "wait"?'],
    ['singal', 'Did you mean "signal"?'],
    ['timeout', 'Did you mean "wait"?'],
    ['lockTimeout', 'Did you mean "ttl"?'],
    ['onBusy', '"onBusy" is for @Locked alone. Use tryAcquire()'],
    ['service', '"service" is for @Locked alone. Inject the service'],
    ['constructor', 'Known here: ttl'],
  ])('then the unknown name %s is refused, and the error names a known one', (name, cure) => {
    const error = refusal(() => resolveAcquire(untyped({ [name]: '1s' }), policy));
    expect(error.option).toBe(name);
    expect(error.message).toContain(cure);
  });

  it('then "mode" or "limit" gives the kind of lock, and both together are refused', () => {
    const kindOf = (options: object): unknown => resolveAcquire(options, policy).access;
    expect(kindOf({})).toEqual({ kind: 'exclusive', limit: 1 });
    expect(kindOf({ mode: 'exclusive', limit: undefined })).toEqual({ kind: 'exclusive', limit: 1 });
    expect(kindOf({ mode: 'shared' })).toEqual({ kind: 'shared', limit: Infinity });
    expect(kindOf({ limit: 3 })).toEqual({ kind: 'semaphore', limit: 3 });
    expect(kindOf({ limit: 1 })).toEqual({ kind: 'semaphore', limit: 1 });
    const error = refusal(() => resolveAcquire(untyped({ mode: 'exclusive', limit: 3 }), policy));
    expect(error.message).toMatch(/"mode" \('exclusive'\) and "limit" \(3\) exclude each other.*Leave one/);
    expect(refusal(() => resolveUsing(untyped({ mode: 'shared', limit: 3 }), policy)).option).toBe('limit');
  });

  it('then "onLost" for acquire() is refused, and the error says where it belongs', () => {
    expect(refusal(() => resolveAcquire(untyped({ onLost: 'warn' }), policy)).message).toMatch(
      /for using\(\) and @Locked/,
    );
    expect(resolveUsing({ onLost: 'warn' }, policy).onLost).toBe('warn');
  });

  it.each([null, 'abc', 5, ['a'], () => 0])('then %p in place of options is refused', (value) => {
    const error = refusal(() => resolveAcquire(untyped(value), policy));
    expect(error.option).toBe('options');
    expect(error.message).toMatch(/^The lock options are .*; they must be an object of options\.$/);
  });

  it('then names of Object.prototype are unknown names', () => {
    expect(refusal(() => resolveAcquire(untyped({ toString: 1 }), policy)).option).toBe('toString');
    expect(refusal(() => resolveAcquire(untyped(JSON.parse('{"__proto__": 1}')), policy)).option).toBe(
      '__proto__',
    );
  });

  it('then a long value is cut in the message', () => {
    const error = refusal(() => resolveAcquire(untyped({ ttl: 'x'.repeat(5_000) }), policy));
    expect(error.message.length).toBeLessThan(300);
  });
});

describe('given a misspelt option name', () => {
  it('then a swap, an omission and another case are recognised, and a distant name is not', () => {
    const known = ['redis', 'prefix', 'maxWaiters'];
    expect(closest('reids', known)).toBe('redis');
    expect(closest('Redis', known)).toBe('redis');
    expect(closest('maxwaiter', known)).toBe('maxWaiters');
    expect(closest('cluster', known)).toBeUndefined();
    expect(closest('', known)).toBeUndefined();
  });
});
