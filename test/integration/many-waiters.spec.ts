/** What very many callers of one key cost, and that very many keys leave nothing behind. In a process of its own. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MOST_HOLDS } from '../../lib/core/queue/batch-limits.js';
import { type Child, startChild } from '../support/child-process.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { KeyHandlers, Tenth } from '../support/workers/many-waiters.worker.js';

const MEGABYTE = 2 ** 20;

let server: RedisServer;
let child: Child<KeyHandlers>;

beforeAll(async () => {
  [server, child] = await Promise.all([
    startRedis(),
    startChild<KeyHandlers>(new URL('../support/workers/many-waiters.worker.ts', import.meta.url), {
      within: 170_000,
    }),
  ]);
}, 60_000);
afterAll(async () => {
  await child.kill();
  await server.stop();
});
beforeEach(() => server.client().flushall());

/** Expects that no key, queue or subscription is left. */
async function expectNothingLeft(): Promise<void> {
  const client = server.client();
  expect(await client.keys('*')).toEqual(['lock:~nl:f']);
  expect(await client.call('PUBSUB', 'CHANNELS')).toEqual([]);
}

describe('a hundred thousand waiters of one key in one process', () => {
  it('given all of them, then each hold costs as much at the start as at the end, in order', async () => {
    await child.call('serveAll', server.url, 20_000);
    const tenths = await child.call('serveAll', server.url, 100_000);
    const ratio = (of: (tenth: Tenth) => number): number => of(tenths[0]) / of(tenths[9]);
    for (const of of [({ cpu }: Tenth) => cpu, ({ commands }: Tenth) => commands]) {
      expect(ratio(of)).toBeGreaterThan(1 / 3);
      expect(ratio(of)).toBeLessThan(3);
    }
    // One command for each batch. On a slow machine batches are shorter.
    for (const { commands } of tenths) expect(commands).toBeLessThan(4 / MOST_HOLDS);
    await expectNothingLeft();
  }, 180_000);

  it('given half of them that leave from the middle, then each costs as little as among few, and the order stays', async () => {
    const few: number[] = [];
    for (let i = 0; i < 3; i += 1) few.push((await child.call('leave', server.url, 10_000)).cpu);
    const many = await child.call('leave', server.url, 100_000);
    expect(many).toMatchObject({ left: 50_000, served: 50_000 });
    // There are ten times as many callers. A cost that grows with the queue would be ten times as high.
    expect(many.cpu).toBeLessThan((4 * few.reduce((a, b) => a + b)) / few.length);
    await expectNothingLeft();
  }, 180_000);
});

describe('distinct keys, each used once', () => {
  it('given a million keys in memory, then nothing is left behind', async () => {
    const grown = await child.call('useOnceInMemory', 1_000_000);
    // Eight bytes for each key would be more.
    expect(grown).toBeLessThan(5 * MEGABYTE);
  }, 180_000);

  it('given a hundred thousand keys on Redis, then nothing is left behind in the process or on the server', async () => {
    const grown = await child.call('useOnce', server.url, 100_000);
    expect(grown).toBeLessThan(3 * MEGABYTE);
    await expectNothingLeft();
  }, 180_000);
});
