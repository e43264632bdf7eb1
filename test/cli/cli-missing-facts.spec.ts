/** What the table of locks says about facts that an overview does not have. */
import { describe, expect, it } from '@jest/globals';
import { lockTable, remarks } from '../../lib/cli/table.js';
import type { LockInfo, LockOverview } from '../../lib/core/inspection/lock-info.js';

const at = new Date();
const waited: LockInfo = {
  key: 'order',
  kind: 'exclusive',
  at,
  holders: [],
  queue: [{ owner: 'api', kind: 'exclusive', waited: 1_000, answered: true }],
  waiting: 1,
};

it('given a holder that is not known, then the table says so, and does not say that there is none', () => {
  expect(lockTable([{ ...waited, unknown: true }], false)[1]).toMatch(/^order +exclusive +unknown +- /);
  expect(lockTable([waited], false)[1]).toMatch(/^order +exclusive +- +- /);
});

it('given facts that were left out, then the remarks say so', () => {
  const overview: LockOverview = { at, processes: [], locks: [], cycles: [], troubles: [], silent: 0 };
  expect(remarks(overview)).toEqual([]);
  expect(remarks({ ...overview, more: 1, moreBlocked: 1 })).toEqual([
    'The search for deadlocks is incomplete: 1 caller is left out.',
    '1 more key is waited for.',
  ]);
  expect(remarks({ ...overview, more: 5, moreBlocked: 11, silent: 1 })).toEqual([
    'The search for deadlocks is incomplete: 11 callers are left out.',
    '5 more keys are waited for.',
    'No answer from 1 process.',
  ]);
});

it('given processes that hold more than they tell, then the remarks count the rest', () => {
  const process = { owner: 'api', held: 300, waiting: 0 };
  const holder = { id: 'h', owner: 'api', remaining: 1, answered: true };
  const overview: LockOverview = {
    at,
    processes: [process],
    locks: [{ ...waited, holders: [holder, { ...holder, answered: false }] }],
    cycles: [],
    troubles: [],
    silent: 0,
  };
  expect(remarks(overview)).toEqual(['299 more locks are held.']);
  expect(remarks({ ...overview, processes: [{ ...process, held: 2 }] })).toEqual(['1 more lock is held.']);
  expect(remarks({ ...overview, processes: [{ ...process, held: 1 }] })).toEqual([]);
});

describe('a narrow terminal', () => {
  const long: LockInfo = {
    ...waited,
    key: 'k'.repeat(100),
    holders: [{ id: 'h', owner: 'o'.repeat(50), remaining: 28_100, answered: false }],
  };

  it.each([80, 120])(
    'given %i columns, then keys and holders are shortened, and the rest is whole',
    (columns) => {
      const rows = lockTable([long, waited], false, columns);
      for (const text of rows) expect(text.length).toBeLessThanOrEqual(columns);
      expect(rows[0]).toMatch(/^KEY +KIND +HELD BY +FOR +LEFT +WAITING +LONGEST$/);
      expect(rows[1]).toMatch(/^k+… +exclusive +o+… +\? +28\.1s +1 +1\.0s +silent$/);
      expect(rows[2]).toMatch(/^order +exclusive +- /);
    },
  );

  it('given a pipe, then nothing is shortened, and a long key does not widen the other rows', () => {
    const rows = lockTable([long, waited], false);
    expect(rows[1].startsWith(`${long.key}  exclusive  ${'o'.repeat(50)}  `)).toBe(true);
    expect(rows[2]).toMatch(/^order {2}exclusive {2}- /);
  });
});
