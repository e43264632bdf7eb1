/** What a release by force does to each thing that may hold a key: the table of docs/operations.md. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
let client: Redis;
let a: Locks;
let b: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
}, 30_000);
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  [a, b] = ['a:1', 'b:2'].map((owner) => locksOn(server, { owner, inspection: 'always' }));
});
afterEach(() => Promise.all([a, b].map((locks) => locks.close())));

/** Releases the holders of the owner by force, as the other process. */
async function releaseBy(owner: string, key: string, most = Infinity): Promise<number> {
  const { holders = [] } = (await b.service.inspect(key)) ?? {};
  let released = 0;
  for (const { id } of holders.filter((each) => each.owner === owner).slice(0, most)) {
    released += (await b.service.forceRelease(key, { holder: id, by: 'jane' })).released;
  }
  return released;
}

describe('forceRelease', () => {
  it('given callers of the holder that wait, then they queue behind the other process', async () => {
    const order: string[] = [];
    const lock = await a.service.acquire('k');
    const other = b.service.using('k', { wait: '20s' }, () => void order.push('b'));
    await eventually(async () => expect(await client.zcard('lock:~nl:q:k')).toBe(1));
    const own = a.service.using('k', { wait: '20s' }, () => void order.push('a'));
    expect(await releaseBy('a:1', 'k')).toBe(1);
    await Promise.all([other, own]);
    expect(order).toEqual(['b', 'a']);
    expect(await lock.release()).toBe(false);
  });

  it('given the rest of a minHold, then the key is free, and nobody loses a lock', async () => {
    await a.service.using('k', { minHold: '1m' }, () => undefined);
    expect(await b.service.tryAcquire('k')).toBeNull();
    expect(await releaseBy('a:1', 'k')).toBe(1);
    const next = await b.service.acquire('k', { wait: 0 });
    expect(await next.release()).toBe(true);
    expect(a.events.filter(({ name }) => name === 'lost')).toEqual([]);
  });

  it('given readers of two processes, then those of one lose the lock, and a writer waits for the others', async () => {
    const readers = await Promise.all([1, 2, 3].map(() => a.service.acquire('k', { mode: 'shared' })));
    const reader = await b.service.acquire('k', { mode: 'shared' });
    const writer = b.service.acquire('k', { wait: '20s' });
    await eventually(async () => expect(await client.zcard('lock:~nl:q:k')).toBe(1));
    expect(await releaseBy('a:1', 'k')).toBeGreaterThan(0);
    await eventually(() => expect(readers.map(({ held }) => held)).toEqual([false, false, false]));
    expect(reader.held).toBe(true);
    expect(await client.zcard('lock:~nl:q:k')).toBe(1);
    await reader.release();
    expect(await (await writer).release()).toBe(true);
  });

  it('given two permits, then one is free, and the other stays', async () => {
    const permits = await Promise.all([1, 2].map(() => a.service.acquire('k', { limit: 2 })));
    expect(await b.service.tryAcquire('k', { limit: 2 })).toBeNull();
    expect(await releaseBy('a:1', 'k', 1)).toBe(1);
    await eventually(() => expect(permits.filter(({ held }) => held)).toHaveLength(1));
    expect(await (await b.service.acquire('k', { limit: 2, wait: 0 })).release()).toBe(true);
    await Promise.all(permits.map((permit) => permit.release()));
  });

  it('given several keys of one call, then the call is lost, and the others are released after its work', async () => {
    let finish = (): void => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const call = a.service.using(['x', 'y'], async ({ signal }) => {
      await work;
      return signal.aborted;
    });
    const ended = expect(call).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'revoked', key: 'x' });
    await eventually(async () => expect(await releaseBy('a:1', 'x')).toBe(1));
    await eventually(() => expect(a.events.some(({ name }) => name === 'lost')).toBe(true));
    expect(await b.service.tryAcquire('y')).toBeNull();
    finish();
    await ended;
    expect(await (await b.service.acquire('y')).release()).toBe(true);
  });

  it('given a foreign value that is no string, then it is refused, and stays', async () => {
    await client.zadd('lock:k', 1, 'a');
    const released = b.service.forceRelease('k', { holder: 'any', by: 'jane' });
    await expect(released).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(await client.exists('lock:k')).toBe(1);
  });
});
