/** What a hand-off leaves in Redis: the queue's expiry and scores. If a hand-off fails, it changes nothing. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Lock } from '../../lib/index.js';
import { eventuallyTrue } from '../support/eventually.js';
import { AN_HOUR, FENCE_COUNTER, microsecondsOf } from '../support/fence-clock.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const QUEUE = 'lock:~nl:q:k';

let server: RedisServer;
let client: Redis;
let queue: QueueView;
let sessions: Locks[];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  queue = queueOf(client);
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  sessions = [locksOn(server), locksOn(server), locksOn(server)];
  // After its first wait, a process hears of hand-offs. So it releases a key and queues for it again in one exchange.
  const holder = locksOn(server);
  const held = await holder.service.acquire('warm');
  const waiting = sessions.map(({ service }) => service.acquire('warm'));
  await queueOf(client, 'warm').holds(sessions.length);
  await held.release();
  await Promise.all(waiting.map(async (lock) => (await lock).release()));
  await holder.close();
});
afterEach(() => Promise.all(sessions.map((locks) => locks.close())));

/** Session 0 holds the key. `count` other sessions queue for it, one after the other, each with one caller. */
async function contended(count: number): Promise<{ held: Lock; waiting: Array<Promise<Lock>> }> {
  const [owner, ...others] = sessions;
  const held = await owner.service.acquire('k');
  const waiting: Array<Promise<Lock>> = [];
  for (const [i, locks] of others.slice(0, count).entries()) {
    waiting.push(locks.service.acquire('k'));
    await queue.holds(i + 1);
  }
  return { held, waiting };
}

/** Session 0 releases the key and requests it again in one exchange. The promise is in an object, so it is not awaited. */
async function releaseAndRequest(held: Lock): Promise<{ again: Promise<Lock> }> {
  const again = sessions[0].service.acquire('k');
  expect(await held.release()).toBe(true);
  return { again };
}

async function queueScore(index: number): Promise<number> {
  return Number((await client.zrange(QUEUE, String(index), String(index), 'WITHSCORES'))[1]);
}

describe('what a hand-off leaves in Redis', () => {
  it('given a queue that the hand-off begins anew, then the queue has an expiry', async () => {
    const { held, waiting } = await contended(1);
    const { again } = await releaseAndRequest(held);
    expect(await queue.tokens()).toHaveLength(1);
    expect(await client.pttl(QUEUE)).toBeGreaterThan(50_000);
    await (await waiting[0]).release();
    await (await again).release();
  });

  it('given a queue that an earlier interval began, then the hand-off sets its expiry anew', async () => {
    const { held, waiting } = await contended(2);
    const [first] = await queue.tokens();
    await client.zadd(QUEUE, 'XX', String((await queueScore(0)) - 10_000_000), first);
    await client.pexpire(QUEUE, 5_000);
    const { again } = await releaseAndRequest(held);
    expect(await queue.tokens()).toHaveLength(2);
    expect(await client.pttl(QUEUE)).toBeGreaterThan(50_000);
    for (const lock of [...waiting, again]) await (await lock).release();
  });

  it('given a holder that requests again, then it queues behind all others, even with the counter ahead of the clock', async () => {
    const ahead = (await microsecondsOf(client)) + AN_HOUR;
    await client.set(FENCE_COUNTER, String(ahead));
    const { held, waiting } = await contended(2);
    const [, second] = await queue.tokens();
    const { again } = await releaseAndRequest(held);
    const [left, last] = await queue.tokens();
    expect(left).toBe(second);
    expect(last).not.toBe(second);
    expect(await queueScore(1)).toBeGreaterThan(await queueScore(0));
    let fence = held.fence;
    for (const lock of [...waiting, again]) {
      const { fence: next } = await lock;
      expect(next).toBeGreaterThan(fence);
      fence = next;
      await (await lock).release();
    }
    expect(fence).toBeGreaterThan(ahead);
  });

  it('given an unreadable fence counter, then the hand-off changes nothing, and happens once the counter is readable', async () => {
    const { held, waiting } = await contended(1);
    const before = [await queue.holder(), await client.zrange(QUEUE, '0', '-1', 'WITHSCORES')];
    await client.del(FENCE_COUNTER);
    await client.rpush(FENCE_COUNTER, 'no counter');
    // The lease had not ended, whatever became of the command.
    expect(await held.release()).toBe(true);
    expect([await queue.holder(), await client.zrange(QUEUE, '0', '-1', 'WITHSCORES')]).toEqual(before);
    await client.del(FENCE_COUNTER);
    const lock = await waiting[0];
    expect(lock.fence).toBeGreaterThan(held.fence);
    await lock.release();
    await eventuallyTrue(async () => (await client.exists(QUEUE, 'lock:k')) === 0);
  });
});
