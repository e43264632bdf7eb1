/**
 * A fence counter that no fence may be drawn from. Another client wrote it, or the clock of Redis went back by more than a
 * day. Near 2^53 the next fences would be equal, and above it there are no exact integers. So nothing is granted, and the
 * error says what to do.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { AN_HOUR, FENCE_COUNTER, increasing, microsecondsOf } from '../support/fence-clock.js';
import { type Locks, locksOn } from '../support/locks.js';
import { queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
let client: Redis;
let locks: Locks;
let other: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  locks = locksOn(server);
  other = locksOn(server);
  // Both are connected now, and know the server's clock.
  await Promise.all([locks, other].map(async ({ service }) => (await service.acquire('warm')).release()));
});
afterEach(() => Promise.all([locks.close(), other.close()]));

const now = (): Promise<number> => microsecondsOf(client);

/** Each unusable value, how it is written, and what the error says. */
const POISONS: Array<[name: string, poison: () => Promise<unknown>, said: RegExp]> = [
  ['2^53', () => client.set(FENCE_COUNTER, String(2 ** 53)), /more than a day ahead/],
  ['2^53 - 1', () => client.set(FENCE_COUNTER, String(2 ** 53 - 1)), /more than a day ahead/],
  ['1e300', () => client.set(FENCE_COUNTER, '1e300'), /more than a day ahead/],
  [
    'an hour and a day ahead',
    async () => client.set(FENCE_COUNTER, (await now()) + 25 * AN_HOUR),
    /a day ahead/,
  ],
  ['text', () => client.set(FENCE_COUNTER, 'nonsense'), /no whole number/],
  ['nothing', () => client.set(FENCE_COUNTER, ''), /no whole number/],
  ['inf', () => client.set(FENCE_COUNTER, 'inf'), /no whole number/],
  ['nan', () => client.set(FENCE_COUNTER, 'nan'), /no whole number/],
  ['a fraction', async () => client.set(FENCE_COUNTER, `${(await now()) + AN_HOUR}.5`), /no whole number/],
  ['a list', () => client.multi().del(FENCE_COUNTER).rpush(FENCE_COUNTER, '1').exec(), /is not a string/],
];

describe.each(POISONS)('a fence counter that holds %s', (_name, poison, said) => {
  const refused = (error: unknown): void => {
    expect(error).toMatchObject({ code: 'LOCK_STORE', message: expect.stringMatching(said) });
    expect((error as Error).message).toMatch(/"lock:~nl:f".*delete the counter.*docs\/fencing\.md/);
  };
  const refusal = (work: Promise<unknown>): Promise<void> =>
    work.then(() => expect('granted').toBe('refused'), refused);

  beforeEach(async () => {
    await client.del(FENCE_COUNTER);
    await poison();
  });

  it('given a request of any kind or method, then it is refused with the cure, and granted after the cure', async () => {
    await refusal(locks.service.acquire('k'));
    await refusal(locks.service.tryAcquire('k'));
    await refusal(locks.service.acquire('k', { mode: 'shared', wait: 300 }));
    await refusal(locks.service.acquire('k', { limit: 3, wait: 300 }));
    // Four exchanges in one command.
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => refusal(locks.service.tryAcquire(key))));
    // Nothing is left behind.
    expect((await client.keys('lock:*')).sort()).toEqual([FENCE_COUNTER]);
    await client.del(FENCE_COUNTER);
    const lock = await locks.service.acquire('k');
    expect(Number.isSafeInteger(lock.fence)).toBe(true);
    expect(await lock.release()).toBe(true);
  });

  it('given held locks, then they can be renewed, extended and released', async () => {
    await client.del(FENCE_COUNTER);
    const [lock, shared] = [
      await locks.service.acquire('k', { ttl: 150 }),
      await locks.service.acquire('s', { ttl: 150, mode: 'shared' }),
    ];
    await poison();
    await lock.extend('20s');
    await shared.extend('20s');
    expect([lock.held, shared.held]).toEqual([true, true]);
    expect(await client.pttl('lock:k')).toBeGreaterThan(10_000);
    expect([await lock.release(), await shared.release()]).toEqual([true, true]);
    expect(await client.exists('lock:k', 'lock:s')).toBe(0);
  });

  it('given a waiter, then it is not offered the key, and is refused or goes on once the counter is cured', async () => {
    await client.del(FENCE_COUNTER);
    const held = await locks.service.acquire('k');
    const waiting = other.service.acquire('k');
    await queueOf(client).holds(1);
    const [waits] = await queueOf(client).tokens();
    await poison();
    await held.release();
    expect(await queueOf(client).holder()).not.toBe(waits);
    await client.del(FENCE_COUNTER);
    const next = await waiting.catch((error: unknown) => refused(error));
    if (next) {
      expect(next.fence).toBeGreaterThan(held.fence);
      await next.release();
    }
  });
});

describe('a fence counter that is ahead by less than a day', () => {
  it('given new locks, then fences go on from the counter', async () => {
    const ahead = (await now()) + 23 * AN_HOUR;
    await client.set(FENCE_COUNTER, ahead);
    const fences: number[] = [ahead];
    for (const take of [
      () => locks.service.acquire('k'),
      () => other.service.acquire('k', { mode: 'shared' }),
      () => locks.service.acquire('k'),
    ]) {
      const lock = await take();
      fences.push(lock.fence);
      await lock.release();
    }
    const batch = await Promise.all(['a', 'b', 'c', 'd'].map((key) => locks.service.acquire(key)));
    fences.push(...batch.map(({ fence }) => fence));
    expect(fences).toEqual(increasing(fences));
    await Promise.all(batch.map((lock) => lock.release()));
  });

  it('given a hand-off, then the waiter confirms it before its hold starts', async () => {
    await client.set(FENCE_COUNTER, (await now()) + AN_HOUR);
    const held = await locks.service.acquire('k');
    const waiting = other.service.acquire('k');
    await queueOf(client).holds(1);
    await held.release();
    const next = await waiting;
    expect(next.fence).toBeGreaterThan(held.fence);
    // More than the second of an offer: the key has become a lease.
    expect(await client.pttl('lock:k')).toBeGreaterThan(2_000);
    await next.release();
  });
});

describe('a queue with a score far ahead', () => {
  it('given a new waiter, then the error names the queue, and the fence counter stays as it was', async () => {
    const held = await locks.service.acquire('k');
    await client.zadd('lock:~nl:q:k', '1e300', 'nl1:dead:1:dead');
    const counter = await client.get(FENCE_COUNTER);
    await expect(other.service.acquire('k', { wait: 500 })).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/queue "lock:~nl:q:k".*Delete the queue/),
    });
    expect(await client.get(FENCE_COUNTER)).toBe(counter);
    await held.release();
  });
});
