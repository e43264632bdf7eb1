/** What a coordinator costs with very many callers, and what very many keys leave behind. In a process of its own, on real Redis. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MOST_HOLDS } from '../../lib/core/queue/batch-limits.js';
import { type Child, startChild } from '../support/child-process.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { KeyHandlers, Tenth } from '../support/workers/many-callers.worker.js';

const MEGABYTE = 2 ** 20;

let server: RedisServer;
let child: Child<KeyHandlers>;

beforeAll(async () => {
  [server, child] = await Promise.all([
    startRedis(),
    startChild<KeyHandlers>(new URL('../support/workers/many-callers.worker.ts', import.meta.url), {
      within: 170_000,
    }),
  ]);
}, 60_000);
afterAll(async () => {
  await child.kill();
  await server.stop();
});
beforeEach(() => server.client().flushall());

/** Nothing of the queue, the key, or a subscription is left. */
async function expectNothingLeft(): Promise<void> {
  const client = server.client();
  expect(await client.keys('*')).toEqual(['lock:~nl:f']);
  expect(await client.call('PUBSUB', 'CHANNELS')).toEqual([]);
}

describe('a hundred thousand callers of one key in one process', () => {
  it('cost as much a hold when all of them wait as when few are left, and are served in order', async () => {
    await child.call('serveAll', server.url, 20_000);
    const tenths = await child.call('serveAll', server.url, 100_000);
    const ratio = (of: (tenth: Tenth) => number): number => of(tenths[0]) / of(tenths[9]);
    for (const of of [({ cpu }: Tenth) => cpu, ({ commands }: Tenth) => commands]) {
      expect(ratio(of)).toBeGreaterThan(1 / 3);
      expect(ratio(of)).toBeLessThan(3);
    }
    // A command a batch. On a slow machine batches are cut short.
    for (const { commands } of tenths) expect(commands).toBeLessThan(4 / MOST_HOLDS);
    await expectNothingLeft();
  }, 180_000);

  it('leave from the middle at the same cost as few do, and the others keep their order', async () => {
    const few: number[] = [];
    for (let i = 0; i < 3; i += 1) few.push((await child.call('leave', server.url, 10_000)).cpu);
    const many = await child.call('leave', server.url, 100_000);
    expect(many).toMatchObject({ left: 50_000, served: 50_000 });
    // Ten times as many: a cost that grows with the queue would be ten times as much.
    expect(many.cpu).toBeLessThan((4 * few.reduce((a, b) => a + b)) / few.length);
    await expectNothingLeft();
  }, 180_000);
});

describe('distinct keys, each used once', () => {
  it('leave nothing behind: a million of them, in memory', async () => {
    const grown = await child.call('useOnceInMemory', 1_000_000);
    // Eight bytes for each would be more.
    expect(grown).toBeLessThan(5 * MEGABYTE);
  }, 180_000);

  it('leave nothing behind, nor on the server: a hundred thousand of them, through Redis', async () => {
    const grown = await child.call('useOnce', server.url, 100_000);
    expect(grown).toBeLessThan(3 * MEGABYTE);
    await expectNothingLeft();
  }, 180_000);
});
