/** What the table of locks says about facts that an overview does not have. */
import { expect, it } from '@jest/globals';
import { lockTable } from '../../lib/cli/table.js';
import type { LockInfo } from '../../lib/core/inspection/lock-info.js';

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
