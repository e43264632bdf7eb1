/** What `inspect` and `overview` tell of other processes: of those that run, and of one that stands still. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Child, startChild } from '../support/child-process.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { InspectionHandlers } from '../support/workers/inspection.worker.js';

const FILE = new URL('../support/workers/inspection.worker.ts', import.meta.url);
const KEY = 'order:1';

let server: RedisServer;
let inspector: Locks;
let children: Child<InspectionHandlers>[];

beforeEach(async () => {
  server = await startRedis();
  inspector = locksOn(server, { owner: 'inspector' });
  children = await Promise.all(['a', 'b', 'c'].map(() => startChild<InspectionHandlers>(FILE)));
  await Promise.all(children.map((child, i) => child.call('open', server.url, `host-${'abc'[i]}`)));
}, 90_000);
afterEach(async () => {
  children.forEach((child) => child.resume());
  await Promise.all(children.map((child) => child.stop()));
  await inspector.close();
  await server.stop();
});

/** Makes a caller wait, and waits until the queue has so many callers. */
async function wait(child: Child<InspectionHandlers>, method: 'pay' | 'checkOut', callers: number) {
  const at = await child.call('begin', method, '1');
  await eventually(async () => {
    const info = await inspector.service.inspect(KEY);
    expect(info?.queue.every(({ answered }) => answered)).toBe(true);
    expect(info?.waiting).toBe(callers);
  });
  return at;
}

async function hold(child: Child<InspectionHandlers>) {
  await child.call('begin', 'pay', '1');
  return eventually(async () => {
    const entered = await child.call('entered', KEY);
    if (entered === undefined) throw new Error('The work has not begun.');
    return entered;
  });
}

describe('three processes', () => {
  it('given a holder and callers of two other processes, then each fact is that of its process', async () => {
    const [a, b, c] = children;
    const { at, fence } = await hold(a);
    const begun = [await wait(b, 'checkOut', 1), await wait(c, 'pay', 2), await wait(b, 'pay', 3)];
    await eventually(async () =>
      expect((await inspector.service.inspect(KEY))?.holders[0].answered).toBe(true),
    );
    const info = (await inspector.service.inspect(KEY))!;
    const now = Date.now();
    expect(info).toMatchObject({
      kind: 'exclusive',
      waiting: 3,
      holders: [
        { owner: 'host-a', fence, label: 'Orders.pay', template: 'order:{0}', ttl: 10_000, renew: true },
      ],
      queue: [
        {
          owner: 'host-b',
          kind: 'exclusive',
          answered: true,
          callers: [
            { label: 'Orders.pay', template: 'order:{0}', holds: ['basket:1'] },
            { label: 'Orders.pay', holds: [] },
          ],
        },
        { owner: 'host-c', kind: 'exclusive', answered: true, callers: [{ holds: [] }] },
      ],
    });
    const [holder] = info.holders;
    const waits = [info.queue[0].callers![0], info.queue[1].callers![0], info.queue[0].callers![1]];
    const errors = [
      holder.since!.getTime() - at,
      info.queue[0].waited - (now - begun[0]),
      ...waits.map(({ waited }, i) => waited - (now - begun[i])),
    ];
    // The clocks are one, so the bound is that of a machine under load.
    for (const error of errors) expect(Math.abs(error)).toBeLessThan(2_000);
    expect(holder.remaining).toBeGreaterThan(0);
    expect(holder.remaining).toBeLessThanOrEqual(10_000);

    // A process under load may answer too late for one overview.
    const overview = await eventually(async () => {
      const each = await a.call('overview');
      expect(each.processes).toHaveLength(4);
      return each;
    });
    expect(overview.processes.map(({ owner }) => owner).sort()).toEqual([
      'host-a',
      'host-b',
      'host-c',
      'inspector',
    ]);
    expect(overview).toMatchObject({ silent: 0, cycles: [], locks: [{ key: KEY, waiting: 3 }, {}] });
  });

  it('given a holder that stands still, then it is told as silent, with the remaining time of its lease', async () => {
    const [a, b] = children;
    await hold(a);
    await eventually(async () =>
      expect((await inspector.service.inspect(KEY))?.holders[0].answered).toBe(true),
    );
    await wait(b, 'pay', 1);
    a.pause();
    const info = (await inspector.service.inspect(KEY, { patience: '100ms' }))!;
    const left = await server.client().pttl(`lock:${KEY}`);
    const [holder] = info.holders;
    expect(holder).toEqual({
      id: expect.any(String),
      owner: 'host-a',
      answered: false,
      remaining: holder.remaining,
    });
    expect(holder.remaining).toBeGreaterThanOrEqual(left);
    expect(holder.remaining).toBeLessThanOrEqual(10_000);
    expect(info.queue).toMatchObject([{ owner: 'host-b', answered: true, callers: [{}] }]);
    expect(await inspector.service.overview()).toMatchObject({
      silent: 1,
      locks: [{ key: KEY, holders: [{ id: holder.id, answered: false }] }],
    });
    // The silent process is not waited for again: with this patience, a wait would exceed the time of the test.
    const { silent } = await inspector.service.overview({ patience: '10m' });
    expect(silent).toBe(1);
    a.resume();
    await eventually(async () =>
      expect((await inspector.service.inspect(KEY))?.holders[0].answered).toBe(true),
    );
  });
});
