/** What the table of locks says about facts that an overview does not have. */
import { expect, it } from '@jest/globals';
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
