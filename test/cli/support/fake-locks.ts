/** Locks that stand still, for the output of the commands. */
import type {
  ForceReleaseOptions,
  LockHolder,
  LockInfo,
  LockOverview,
} from '../../../lib/core/inspection/lock-info.js';
import type { LockInspector } from '../../../lib/cli/inspector.js';

const AT = new Date('2026-01-31T12:00:00.000Z');

const order: LockInfo = {
  key: 'order:42',
  kind: 'exclusive',
  at: AT,
  waiting: 14,
  holders: [
    {
      id: '3f2a9c01',
      owner: 'api-1:101',
      remaining: 28_300,
      answered: true,
      held: 1_400,
      fence: 1_769_860_799_000_001,
      label: 'OrdersController.pay',
      template: 'order:{params.id}',
      site: 'src/orders.controller.ts:31:9',
    },
  ],
  queue: [
    {
      owner: 'api-2:102',
      kind: 'exclusive',
      waited: 1_250,
      answered: true,
      callers: [{ waited: 1_300, label: 'OrdersController.pay', holds: ['customer:7'] }],
      more: 12,
    },
    { owner: 'api-3:103', kind: 'exclusive', waited: 900, answered: false },
  ],
};

const holder = (facts: Partial<LockHolder>): LockHolder => ({
  id: '0badcafe',
  owner: 'api-4:104',
  remaining: 28_200,
  answered: false,
  ...facts,
});

export const LOCKS: readonly LockInfo[] = [
  {
    key: 'foreign',
    kind: 'foreign',
    at: AT,
    waiting: 0,
    queue: [],
    holders: [holder({ remaining: Infinity })],
  },
  order,
  {
    key: 'report',
    kind: 'shared',
    at: AT,
    waiting: 0,
    queue: [],
    holders: [
      holder({ id: 'a', answered: true, held: 300_000, label: 'Reports.read' }),
      holder({ id: 'b', answered: true, held: 59_970 }),
    ],
  },
  {
    key: 'evil\x1b[31m\u202e',
    kind: 'exclusive',
    at: AT,
    waiting: 0,
    queue: [],
    holders: [holder({ answered: true, held: 4, label: '\x1b]0;title\x07' })],
  },
];

const OVERVIEW: LockOverview = {
  at: AT,
  processes: [],
  locks: LOCKS,
  cycles: [
    {
      links: [
        { owner: 'api-1:101', holds: ['a'], wants: 'b' },
        { owner: 'api-2:102', holds: ['b'], wants: 'a', label: 'Transfers.move' },
      ],
    },
  ],
  troubles: [],
  silent: 2,
};

export interface FakeLocks extends LockInspector {
  readonly released: Array<ForceReleaseOptions & { readonly key: string }>;
}

/** @param changes methods in place of those of the fake. */
export function fakeLocks(changes: Partial<LockInspector> = {}): FakeLocks {
  const released: FakeLocks['released'] = [];
  const found = (key: string) => LOCKS.find((lock) => lock.key === key) ?? null;
  return {
    released,
    overview: () => Promise.resolve(OVERVIEW),
    inspect: (key) => Promise.resolve(found(key)),
    async *list(pattern) {
      await Promise.resolve();
      yield* LOCKS.filter(({ key }) => pattern === '*' || key === pattern);
    },
    forceRelease(key, options) {
      released.push({ key, ...options });
      const holders = found(key)?.holders ?? [];
      const meant = holders.filter(({ id }) => options.holder === 'any' || id === options.holder);
      return Promise.resolve({
        released: meant.length,
        told: meant.filter(({ answered }) => answered).length,
      });
    },
    ...changes,
  };
}
