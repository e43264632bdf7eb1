/** What the module logs about its locks. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { LockLogLine } from '../../lib/index.js';
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

  it('then the text of another process is one text line, without characters that a terminal obeys', () => {
    const text = 'x\n\x1b[31m[Nest] 1 - ERROR forged\u202e\u009b';
    const holder = { answered: true, remaining: 5, label: text, site: text };
    sink({ name: 'wait-failed', key: text, waited: 1_500, held: 2_000, owner: text, holder });
    sink({ name: 'wait-failed', key: text, waited: 1_500, owner: text, holder });
    sink({
      name: 'wait-failed',
      key: text,
      waited: 1_500,
      owner: text,
      holder: { ...holder, label: undefined },
    });
    sink({ name: 'force-release', key: text, by: text, why: text, owner: text });
    sink({ name: 'long-hold', key: text, held: 61_000, label: text });
    expect(logged).toHaveLength(5);
    for (const message of logged) {
      expect(message).not.toMatch(/\p{C}/u);
      expect(message).toContain('x\\n\\u001b[31m');
    }
  });

  it('then a structured log line has all facts of the event, and those of the holder apart', () => {
    const entries: LockLogLine[] = [];
    const structured = logEvents(
      { warn: () => undefined },
      () => false,
      (entry) => void entries.push(entry),
    );
    const holder = { answered: true, remaining: 5_000, label: 'Payments.holder', site: 'pay.ts:5:1' };
    const caller = { key: 'a', waited: 1_500, label: 'Orders.waiter', template: '{0}', kind: 'exclusive' };
    const facts = { ...caller, held: 2_000, fence: 7, owner: 'api-1:101', holder, waiting: 3, processes: 2 };
    structured({ name: 'wait-failed', ...facts });
    const forced = { key: 'a', by: 'jane', why: 'the provider hangs', owner: 'api-1:101' };
    structured({ name: 'force-release', ...forced });
    const message: unknown = expect.any(String);
    expect(entries).toEqual([
      { level: 'warn', event: 'wait-failed', message, ...facts },
      { level: 'warn', event: 'force-release', message, ...forced },
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
