/** What the module logs of its locks. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LockLostError, LockStoreError } from '../../lib/errors/index.js';
import { logEvents } from '../../lib/module/lock-event.logger.js';

describe('logEvents', () => {
  let now: number;
  let down: boolean;
  let lines: string[];
  let sink: ReturnType<typeof logEvents>;

  beforeEach(() => {
    [now, down, lines] = [0, false, []];
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    sink = logEvents({ warn: (line: string) => void lines.push(line) }, () => down);
  });

  afterEach(() => void jest.restoreAllMocks());

  const storeFails = (message: string) =>
    sink({ name: 'store-error', key: 'a', error: new LockStoreError(message) });

  it('logs a lost lock with its key and its reason', () => {
    sink({ name: 'lost', key: 'a', held: 5, reason: 'expired', error: new LockLostError('a', 'expired', 5) });
    expect(lines).toEqual([expect.stringMatching(/"a" was lost after 5 ms: its lease ran out/)]);
  });

  it('logs a long hold with its key, its age and where it was taken', () => {
    sink({ name: 'long-hold', key: 'a', held: 61_000, site: 'Error\n    at Stock.take (stock.ts:5:1)' });
    expect(lines).toEqual([
      expect.stringMatching(/"a" has been held for 61 s.*\nTaken at Stock\.take \(stock\.ts:5:1\)$/s),
    ]);
    sink({ name: 'long-hold', key: 'b', held: 61_000 });
    expect(lines[1]).not.toContain('Taken');
  });

  it('logs a failing store once a minute and kind, though every caller fails', () => {
    for (let i = 0; i < 100; i += 1) storeFails('OOM');
    expect(lines).toEqual(['OOM']);
    storeFails('NOPERM');
    expect(lines).toEqual(['OOM', 'NOPERM']);
    now += 60_000;
    storeFails('NOPERM');
    expect(lines).toHaveLength(3);
  });

  it('leaves a failure to the log of the connection while that is known to be down', () => {
    down = true;
    storeFails('not connected');
    expect(lines).toEqual([]);
    down = false;
    storeFails('not connected');
    expect(lines).toHaveLength(1);
  });
});
