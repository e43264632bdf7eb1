/** What the module logs about its locks. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LockLostError, LockStoreError } from '../../lib/errors/index.js';
import { logEvents } from '../../lib/module/lock-event.logger.js';

describe('given the log of a module', () => {
  let now: number;
  let down: boolean;
  let logged: string[];
  let sink: ReturnType<typeof logEvents>;

  beforeEach(() => {
    [now, down, logged] = [0, false, []];
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    sink = logEvents({ warn: (message: string) => void logged.push(message) }, () => down);
  });

  afterEach(() => void jest.restoreAllMocks());

  const storeFails = (message: string) =>
    sink({ name: 'store-error', key: 'a', error: new LockStoreError(message) });

  it('then a lost lock is logged with its key and the reason', () => {
    sink({ name: 'lost', key: 'a', held: 5, reason: 'expired', error: new LockLostError('a', 'expired', 5) });
    expect(logged).toEqual([expect.stringMatching(/"a" was lost after 5 ms: its lease ran out/)]);
  });

  it('then a long hold is logged with its key, its age and the place of the call', () => {
    sink({
      name: 'long-hold',
      key: 'a',
      held: 61_000,
      label: 'Stock.take',
      site: '    at Shop.sell (shop.ts:5:1)',
    });
    expect(logged).toEqual([
      expect.stringMatching(
        /"a" has been held for 61 s by Stock\.take\. Find.*\nTaken at Shop\.sell \(shop\.ts:5:1\)$/s,
      ),
    ]);
    sink({ name: 'long-hold', key: 'b', held: 61_000 });
    expect(logged[1]).not.toContain('Taken');
    sink({ name: 'long-hold', key: 'c', held: 250.4 });
    expect(logged[2]).toMatch(/"c" has been held for 250 ms\. Find/);
  });

  it('then a failed wait for a value without an expiry says that a longer wait does not help', () => {
    const holder = { answered: true, remaining: Infinity, label: undefined, site: undefined };
    sink({ name: 'wait-failed', key: 'a', waited: 1_500, owner: 'a foreign client', holder });
    expect(logged).toEqual([
      'Waited 1.5 s in vain for the lock "a": "a foreign client" holds it without an expiry, so it is no lock of this ' +
        'library, and a longer "wait" does not help; 0 callers wait in 0 processes.',
    ]);
  });

  it('then a failure of the store is logged once a minute for each message, although each caller fails', () => {
    for (let i = 0; i < 100; i += 1) storeFails('OOM');
    expect(logged).toEqual(['OOM']);
    storeFails('NOPERM');
    expect(logged).toEqual(['OOM', 'NOPERM']);
    now += 60_000;
    storeFails('NOPERM');
    expect(logged).toHaveLength(3);
  });

  it('then a failure is left to the log of the connection while the connection is known to be down', () => {
    down = true;
    storeFails('not connected');
    expect(logged).toEqual([]);
    down = false;
    storeFails('not connected');
    expect(logged).toHaveLength(1);
  });
});
