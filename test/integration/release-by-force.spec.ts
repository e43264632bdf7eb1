/** What a release by force does to callers that wait, to several keys of one call, and to a value that is no lock. */
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
}, 60_000);
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  [a, b] = ['a:1', 'b:2'].map((owner) => locksOn(server, { owner, inspection: 'always' }));
});
afterEach(() => Promise.all([a, b].map((locks) => locks.close())));

/** Releases the holders of the owner by force, as the other process. */
async function releaseBy(owner: string, key: string): Promise<number> {
  const { holders = [] } = (await b.service.inspect(key)) ?? {};
  let released = 0;
  for (const { id } of holders.filter((each) => each.owner === owner)) {
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
