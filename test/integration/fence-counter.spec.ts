/**
 * A counter of fences that no fence may be drawn from: somebody else wrote it, or the clock of Redis went back by more than
 * a day. Near 2^53 the next fences would be equal, and above it they would be none. So nothing is granted, and the error
 * says what to do.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { type Locks, locksOn } from '../support/locks.js';
import { queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const COUNTER = 'lock:~nl:f';
/** In µs. */
const AN_HOUR = 3_600_000_000;

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
  // Connected, and the server's clock known.
  await Promise.all([locks, other].map(async ({ service }) => (await service.acquire('warm')).release()));
});
afterEach(() => Promise.all([locks.close(), other.close()]));

async function now(): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1_000_000 + Number(micros);
}

/** How the counter may have been spoilt, and what the error says of it. */
const POISONS: Array<[name: string, poison: () => Promise<unknown>, said: RegExp]> = [
  ['2^53', () => client.set(COUNTER, String(2 ** 53)), /more than a day ahead/],
  ['2^53 - 1', () => client.set(COUNTER, String(2 ** 53 - 1)), /more than a day ahead/],
  ['1e300', () => client.set(COUNTER, '1e300'), /more than a day ahead/],
  ['an hour and a day ahead', async () => client.set(COUNTER, (await now()) + 25 * AN_HOUR), /a day ahead/],
  ['text', () => client.set(COUNTER, 'nonsense'), /no whole number/],
  ['nothing', () => client.set(COUNTER, ''), /no whole number/],
  ['inf', () => client.set(COUNTER, 'inf'), /no whole number/],
  ['nan', () => client.set(COUNTER, 'nan'), /no whole number/],
  ['a fraction', async () => client.set(COUNTER, `${(await now()) + AN_HOUR}.5`), /no whole number/],
  ['a list', () => client.multi().del(COUNTER).rpush(COUNTER, '1').exec(), /is not a string/],
];

describe.each(POISONS)('a counter that holds %s', (_name, poison, said) => {
  const refused = (error: unknown): void => {
    expect(error).toMatchObject({ code: 'LOCK_STORE', message: expect.stringMatching(said) });
    expect((error as Error).message).toMatch(/"lock:~nl:f".*delete the counter.*docs\/fencing\.md/);
  };
  const refusal = (work: Promise<unknown>): Promise<void> =>
    work.then(() => expect('granted').toBe('refused'), refused);

  beforeEach(async () => {
    await client.del(COUNTER);
    await poison();
  });

  it('grants nothing, of whatever kind and by whatever way, and says what to do', async () => {
    await refusal(locks.service.acquire('k'));
    await refusal(locks.service.tryAcquire('k'));
    await refusal(locks.service.acquire('k', { mode: 'shared', wait: 300 }));
    await refusal(locks.service.acquire('k', { limit: 3, wait: 300 }));
    // In one command.
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => refusal(locks.service.tryAcquire(key))));
    // None of them is left behind.
    expect((await client.keys('lock:*')).sort()).toEqual([COUNTER]);
    await client.del(COUNTER);
    const lock = await locks.service.acquire('k');
    expect(Number.isSafeInteger(lock.fence)).toBe(true);
    expect(await lock.release()).toBe(true);
  });

  it('takes no lock away: it is renewed, extended, and given back', async () => {
    await client.del(COUNTER);
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

  it('hands nothing over: whoever waits is refused or goes on once it is cured', async () => {
    await client.del(COUNTER);
    const held = await locks.service.acquire('k');
    const waiting = other.service.acquire('k');
    await queueOf(client).holds(1);
    const [waits] = await queueOf(client).tokens();
    await poison();
    await held.release();
    expect(await queueOf(client).holder()).not.toBe(waits);
    await client.del(COUNTER);
    const next = await waiting.catch((error: unknown) => refused(error));
    if (next) {
      expect(next.fence).toBeGreaterThan(held.fence);
      await next.release();
    }
  });
});

describe('a counter that is ahead by less than a day', () => {
  it('is counted on from: the clock went back, and fences go on rising', async () => {
    const ahead = (await now()) + 23 * AN_HOUR;
    await client.set(COUNTER, ahead);
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
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    await Promise.all(batch.map((lock) => lock.release()));
  });

  it('is handed over with, to a waiter that confirms before its hold starts', async () => {
    await client.set(COUNTER, (await now()) + AN_HOUR);
    const held = await locks.service.acquire('k');
    const waiting = other.service.acquire('k');
    await queueOf(client).holds(1);
    await held.release();
    const next = await waiting;
    expect(next.fence).toBeGreaterThan(held.fence);
    // More than an offer's second: it is a lease by now.
    expect(await client.pttl('lock:k')).toBeGreaterThan(2_000);
    await next.release();
  });
});

describe('a queue whose last place is far ahead', () => {
  it('is an error that names it, and leaves the counter as it was', async () => {
    const held = await locks.service.acquire('k');
    await client.zadd('lock:~nl:q:k', '1e300', 'nl1:dead:1:dead');
    const counter = await client.get(COUNTER);
    await expect(other.service.acquire('k', { wait: 500 })).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/queue "lock:~nl:q:k".*Delete the queue/),
    });
    expect(await client.get(COUNTER)).toBe(counter);
    await held.release();
  });
});
