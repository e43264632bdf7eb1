/** Options of an acquisition: defaults, checks, messages. */
import { describe, expect, it } from '@jest/globals';
import { closest } from '../../lib/core/options/option-checks.js';
import { resolveAcquire, resolvePolicy, resolveUsing } from '../../lib/core/options/resolve-options.js';
import { resolveLockedOptions } from '../../lib/locked/locked.options.js';
import { type LockOptionsError, isLockError } from '../../lib/errors/index.js';

const policy = resolvePolicy();

/** What a user without types may write. */
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
  throw new Error('Nothing was refused.');
}

describe('resolvePolicy', () => {
  it('has the documented defaults', () => {
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

  it('takes durations as strings and as milliseconds', () => {
    const own = resolvePolicy({ ttl: '5s', wait: 250, renew: false, maxHold: '2m', onLost: 'warn' });
    expect(own).toMatchObject({ ttl: 5_000, wait: 250, renew: false, maxHold: 120_000, onLost: 'warn' });
  });

  it('takes undefined for "not given"', () => {
    expect(resolvePolicy({ ttl: undefined, wait: undefined, maxHold: undefined })).toEqual(policy);
  });

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(policy)).toBe(true);
  });

  it.each([
    ['ttl', '30', /"defaults\.ttl" is '30'; it must be a duration in milliseconds, or a string such as/],
    ['ttl', 49, /"defaults\.ttl" is 49; .* of at least 50 ms/],
    ['wait', -1, /"defaults\.wait" is -1/],
    ['wait', Infinity, /"defaults\.wait" is Infinity/],
    ['maxHold', 0, /"defaults\.maxHold" is 0; .* of at least 1 ms/],
    ['renew', 'yes', /"defaults\.renew" is 'yes'; it must be true or false/],
    ['onLost', 'ignore', /"defaults\.onLost" is 'ignore'; it must be 'throw' or 'warn'/],
  ])('refuses %s: %p by its path', (name, value, message) => {
    const error = refusal(() => resolvePolicy(untyped({ [name]: value })));
    expect(error).toMatchObject({ option: `defaults.${name}`, value });
    expect(error.message).toMatch(message);
  });

  it('refuses what only an acquisition can have, and what is misspelt', () => {
    expect(refusal(() => resolvePolicy(untyped({ minHold: '1s' }))).option).toBe('defaults.minHold');
    const error = refusal(() => resolvePolicy(untyped({ tll: '5s' })));
    expect(error.message).toMatch(/no lock option "defaults\.tll"\. Did you mean "defaults\.ttl"\?/);
  });

  it.each([null, [], 'ttl', 5])('refuses %p in place of an object', (value) => {
    expect(refusal(() => resolvePolicy(untyped(value))).option).toBe('defaults');
  });
});

describe('resolveAcquire', () => {
  it('returns the policy itself where there is nothing to resolve', () => {
    expect(resolveAcquire(undefined, policy)).toBe(policy);
    expect(resolveUsing(undefined, policy)).toBe(policy);
  });

  it('takes from the policy what the call leaves open', () => {
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

  it('lets a call go back to renewal, and bounds a hold that is not renewed', () => {
    const own = resolvePolicy({ renew: false });
    expect(resolveAcquire({ renew: true }, own).renew).toBe(true);
    // extend() may carry it past its ttl, up to maxHold.
    expect(resolveAcquire({ renew: false, ttl: '1s', maxHold: '5s' }, policy)).toMatchObject({
      maxHold: 5_000,
    });
  });

  it('allows a wait and a minHold of 0, and a ttl of 50 ms', () => {
    expect(resolveAcquire({ wait: 0, minHold: 0, ttl: 50 }, policy)).toMatchObject({
      wait: 0,
      minHold: 0,
      ttl: 50,
    });
  });

  it('throws at re-entry unless it is told otherwise, by the call and not by the defaults', () => {
    expect(resolveAcquire({}, policy).reentry).toBe('throw');
    expect(resolveUsing({ reentry: 'join' }, policy).reentry).toBe('join');
    expect(resolveUsing({ reentry: 'wait' }, policy).reentry).toBe('wait');
    expect(refusal(() => resolvePolicy(untyped({ reentry: 'join' }))).option).toBe('defaults.reentry');
  });

  it.each([true, false, undefined])('given "reentrant: %p", it names "reentry" and its values', (value) => {
    const error = refusal(() => resolveAcquire(untyped({ reentrant: value }), policy));
    expect(error).toMatchObject({ option: 'reentrant', value });
    expect(error.message).toMatch(/no lock option "reentrant".*"reentry".*'join'.*'wait'.*'throw'/);
    expect(refusal(() => resolveLockedOptions(untyped({ reentrant: value }))).message).toBe(error.message);
  });

  it('given "within" at a decoration, where no lock is held yet, it says what to do', () => {
    const error = refusal(() => resolveLockedOptions(untyped({ within: {} })));
    expect(error.option).toBe('within');
    expect(error.message).toMatch(/before any lock is held.*reentry: 'join'/);
  });

  it('keeps the signal', () => {
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
  ])('refuses %s: %p', (name, value) => {
    const error = refusal(() => resolveAcquire(untyped({ [name]: value }), policy));
    // Of an object no more than its shape is told: anything may be in it.
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
  ])('refuses the unknown name %s with a cure', (name, cure) => {
    const error = refusal(() => resolveAcquire(untyped({ [name]: '1s' }), policy));
    expect(error.option).toBe(name);
    expect(error.message).toContain(cure);
  });

  it('makes a kind of mode and limit, and refuses both together', () => {
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

  it('says where onLost belongs', () => {
    expect(refusal(() => resolveAcquire(untyped({ onLost: 'warn' }), policy)).message).toMatch(
      /for using\(\) and @Locked/,
    );
    expect(resolveUsing({ onLost: 'warn' }, policy).onLost).toBe('warn');
  });

  it.each([null, 'abc', 5, ['a'], () => 0])('refuses %p in place of options', (value) => {
    expect(refusal(() => resolveAcquire(untyped(value), policy)).option).toBe('options');
  });

  it('is not taken in by names of Object.prototype', () => {
    expect(refusal(() => resolveAcquire(untyped({ toString: 1 }), policy)).option).toBe('toString');
    expect(refusal(() => resolveAcquire(untyped(JSON.parse('{"__proto__": 1}')), policy)).option).toBe(
      '__proto__',
    );
  });

  it('shows a long value in short', () => {
    const error = refusal(() => resolveAcquire(untyped({ ttl: 'x'.repeat(5_000) }), policy));
    expect(error.message.length).toBeLessThan(300);
  });
});

describe('closest', () => {
  it('finds a swap, an omission and another case, and nothing in what is far', () => {
    const known = ['redis', 'prefix', 'maxWaiters'];
    expect(closest('reids', known)).toBe('redis');
    expect(closest('Redis', known)).toBe('redis');
    expect(closest('maxwaiter', known)).toBe('maxWaiters');
    expect(closest('cluster', known)).toBeUndefined();
    expect(closest('', known)).toBeUndefined();
  });
});
