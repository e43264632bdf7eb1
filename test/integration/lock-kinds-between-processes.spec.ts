/** Shared locks and semaphores between real processes, on a real Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Lock } from '../../lib/core/contracts/lock.js';
import { type Child, startChild } from '../support/child-process.js';
import { clusterLocksOn } from '../support/cluster-locks.js';
import { clusterQueueOf } from '../support/cluster-queue.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { holdersOf } from '../support/holders.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';
import { LOADED, check, timed } from '../support/waits.js';
import type { KindsHandlers } from '../support/workers/kinds.worker.js';

type Worker = Child<KindsHandlers>;

const LONG = { ttl: '60s', wait: '60s' } as const;
const READ = { ...LONG, mode: 'shared' } as const;

let server: RedisServer;
let client: Redis;
let key = 'k0';
let queue: QueueView;
let locks: Locks;
const workers: Worker[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  const file = new URL('../support/workers/kinds.worker.ts', import.meta.url);
  for (let i = 0; i < 4; i += 1) workers.push(await startChild<KindsHandlers>(file));
  await Promise.all(workers.map((each) => each.call('open', server.url)));
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((each) => each.kill()));
  await server.stop();
});
beforeEach(() => {
  key = `k${Number(key.slice(1)) + 1}`;
  queue = queueOf(client, key);
  locks = locksOn(server);
});
afterEach(() => locks.close());

/** Resolves when nothing of the key is left. */
const nothingLeft = (): Promise<void> =>
  eventuallyTrue(async () => {
    const view = holdersOf(client, key);
    return (await client.exists(view.lock, view.queue, view.holders)) === 0;
  });

const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), client.ping().then(() => false)]);

describe('readers and writers in several processes', () => {
  it('given a writer between readers, then readers share, the writer is alone, and later readers follow it', async () => {
    const [a, b] = workers;
    await a.call('request', 'r1', key, READ);
    await b.call('request', 'r2', key, READ);
    const [r1, r2] = [await a.call('acquired', 'r1'), await b.call('acquired', 'r2')];
    await a.call('request', 'w', key, LONG);
    await queue.holds(1);
    await b.call('request', 'r3', key, READ);
    await queue.holds(2);
    await a.call('request', 'r4', key, READ);
    const waiting = b.call('acquired', 'r3');
    expect(await settled(waiting)).toBe(false);
    expect(await a.call('release', 'r1')).toBe(true);
    expect(await settled(a.call('acquired', 'w'))).toBe(false);
    expect(await b.call('release', 'r2')).toBe(true);
    const w = await a.call('acquired', 'w');
    expect(w.fence).toBeGreaterThan(Math.max(r1.fence, r2.fence));
    expect(await settled(waiting)).toBe(false);
    expect(await a.call('release', 'w')).toBe(true);
    const [r3, r4] = [await waiting, await a.call('acquired', 'r4')];
    expect(Math.min(r3.fence, r4.fence)).toBeGreaterThan(w.fence);
    expect(r3.fence).not.toBe(r4.fence);
    expect((await holdersOf(client, key).members()).size).toBe(2);
    expect([await b.call('release', 'r3'), await a.call('release', 'r4')]).toEqual([true, true]);
    await nothingLeft();
  });

  it('given a reader that is stopped past its lease, then the writer goes on, and the reader sees its loss', async () => {
    const [stopped, b] = workers;
    await stopped.call('request', 'r', key, { ...READ, ttl: 1_500 });
    const { fence } = await stopped.call('acquired', 'r');
    await b.call('request', 'w', key, LONG);
    await queue.holds(1);
    stopped.pause();
    try {
      const { value, waited } = await timed(b.call('acquired', 'w'));
      expect(value.fence).toBeGreaterThan(fence);
      expect(waited).toBeLessThan(1_500 + check(1) + LOADED);
    } finally {
      stopped.resume();
    }
    expect(await stopped.call('state', 'r')).toMatchObject({ held: false });
    // Its signal aborts once its sockets have been read.
    await eventually(async () => expect(await stopped.call('state', 'r')).toMatchObject({ aborted: true }));
    expect(await stopped.call('release', 'r')).toBe(false);
    expect(await b.call('state', 'w')).toEqual({ held: true, aborted: false });
    expect(await b.call('release', 'w')).toBe(true);
    await nothingLeft();
  });
});

describe('a semaphore of three over three processes', () => {
  it('given many callers, then the limit is reached, never exceeded, and nothing is left', async () => {
    const inside = await Promise.all(
      workers.slice(0, 3).map((each) => each.call('work', key, { limit: 3, wait: '60s' }, 20, 10)),
    );
    const all = inside.flat();
    expect(all).toHaveLength(600);
    expect(Math.max(...all)).toBe(3);
    await nothingLeft();
  }, 60_000);

  it('given a killed process, then its permits come back one by one as their leases end', async () => {
    const killed = workers.pop() as Worker;
    const [a] = workers;
    const limited = { limit: 2, wait: '60s', renew: false } as const;
    await killed.call('request', 'short', key, { ...limited, ttl: 2_000 });
    await killed.call('acquired', 'short');
    await killed.call('request', 'long', key, { ...limited, ttl: 8_000 });
    await killed.call('acquired', 'long');
    for (const name of ['p1', 'p2']) await a.call('request', name, key, { ...LONG, limit: 2 });
    await queue.holds(1);
    const killedAt = performance.now();
    await killed.kill();
    const since = (): number => performance.now() - killedAt;
    await a.call('acquired', 'p1');
    expect(since()).toBeLessThan(2_000 + check(1) + LOADED);
    const second = a.call('acquired', 'p2');
    expect(await settled(second)).toBe(false);
    const rest = [...(await holdersOf(client, key).members()).values()];
    expect(rest).toHaveLength(2);
    await second;
    expect(since()).toBeLessThan(8_000 + check(1) + LOADED);
    expect([await a.call('release', 'p1'), await a.call('release', 'p2')]).toEqual([true, true]);
    await nothingLeft();
  }, 60_000);

  it('given callers with different limits, then a raised limit admits more, and a lowered limit fewer', async () => {
    const [a, b] = workers;
    for (const name of ['1', '2']) await a.call('request', name, key, { ...LONG, limit: 2 });
    for (const name of ['1', '2']) await a.call('acquired', name);
    expect(await locks.service.tryAcquire(key, { limit: 2 })).toBeNull();
    await b.call('request', '3', key, { ...LONG, limit: 3 });
    await b.call('acquired', '3');
    const lowered = locks.service.acquire(key, { ...LONG, limit: 1 });
    await queue.holds(1);
    for (const [process, name] of [
      [a, '1'],
      [a, '2'],
      [b, '3'],
    ] as const) {
      expect(await settled(lowered)).toBe(false);
      await process.call('release', name);
    }
    await (await lowered).release();
    await nothingLeft();
  });
});

describe('a kind conflict between processes', () => {
  it('given a held exclusive key, then a limit on it is refused with the option, key and kind, and nothing is queued', async () => {
    const [a] = workers;
    await a.call('request', 'w', key, LONG);
    await a.call('acquired', 'w');
    for (const wait of [0, '60s'] as const) {
      await expect(locks.service.acquire(key, { wait, limit: 2 })).rejects.toMatchObject({
        code: 'LOCK_OPTIONS',
        option: 'limit',
        message: expect.stringMatching(new RegExp(`"${key}".*exclusive.*another key`)) as unknown,
      });
    }
    expect(await queue.tokens()).toEqual([]);
    await a.call('release', 'w');
    await (await locks.service.acquire(key, { limit: 2 })).release();
  });
});

describe('a foreign client that uses SET NX PX', () => {
  it.each([
    ['exclusive', {}],
    ['shared', { mode: 'shared' }],
    ['semaphore', { limit: 2 }],
  ] as const)(
    'given %s, then the foreign client is kept out while it is held, and keeps it out',
    async (_, kind) => {
      const set = (): Promise<string | null> => client.set(`lock:${key}`, 'plain', 'PX', 60_000, 'NX');
      const lock = await locks.service.acquire(key, kind);
      expect(await set()).toBeNull();
      expect(await lock.release()).toBe(true);
      expect(await set()).toBe('OK');
      expect(await locks.service.tryAcquire(key, kind)).toBeNull();
      const waiting = locks.service.acquire(key, kind);
      await queue.holds(1);
      expect(await settled(waiting)).toBe(false);
      await client.del(`lock:${key}`);
      expect(await (await waiting).release()).toBe(true);
      await nothingLeft();
    },
  );
});

describe('several keys in a Cluster', () => {
  it('given readers of several slots, then they share, and a writer of one slot waits for all its readers', async () => {
    const cluster = await startRedisCluster();
    const [a, b] = [clusterLocksOn(cluster), clusterLocksOn(cluster)];
    try {
      const keys = ['a', 'b', 'c'];
      const readers: Lock[] = [
        await a.service.acquire(keys, READ),
        await b.service.acquire(['c', 'a'], READ),
      ];
      expect(readers.map((each) => each.held)).toEqual([true, true]);
      for (const each of keys) {
        expect(await b.service.tryAcquire(each)).toBeNull();
        await expect(b.service.acquire(each, { limit: 3 })).rejects.toMatchObject({ code: 'LOCK_OPTIONS' });
      }
      const writer = b.service.acquire(['b', 'c'], LONG);
      await readers[0].release();
      await clusterQueueOf(cluster.client(), 'c').holds(1);
      const abort = new AbortController();
      const late = a.service.acquire(['0', 'c'], { ...READ, signal: abort.signal });
      await clusterQueueOf(cluster.client(), 'c').holds(2);
      await readers[1].release();
      const { fences } = await writer;
      for (const each of ['b', 'c']) {
        const before = readers.map((reader) => reader.fences.get(each) ?? 0);
        expect(fences.get(each)).toBeGreaterThan(Math.max(...before));
      }
      abort.abort();
      await expect(late).rejects.toMatchObject({ code: 'LOCK_ABORTED' });
      // The keys that the aborted call had acquired so far were released.
      await eventuallyTrue(async () => {
        const lock = await b.service.tryAcquire('0');
        await lock?.release();
        return lock !== null;
      });
      expect(await (await writer).release()).toBe(true);
    } finally {
      await Promise.all([a.close(), b.close()]);
      await cluster.stop();
    }
  }, 60_000);
});
