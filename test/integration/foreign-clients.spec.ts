/**
 * A foreign client that locks by the two usual functions: SET with NX and an expiry, and DEL. This library and the client
 * exclude each other, as for every client that keeps a plain string with an expiry at the key.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
let client: Redis;
let locks: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  locks = locksOn(server);
});
afterAll(async () => {
  await locks.close();
  await server.stop();
});
beforeEach(() => client.flushall());

/** `redis.set(f"lock:{lock_name}", 1, ex=expire_time, nx=True)` */
async function acquireLock(lockName: string, expireTime = 30): Promise<boolean> {
  return (await client.set(`lock:${lockName}`, '1', 'EX', expireTime, 'NX')) === 'OK';
}

/** `redis.delete(f"lock:{lock_name}")` */
async function releaseLock(lockName: string): Promise<void> {
  await client.del(`lock:${lockName}`);
}

describe('a foreign client that locks by SET NX and DEL', () => {
  it('given a lock of this library, then the client is excluded until the release', async () => {
    const lock = await locks.service.acquire('order:1');
    expect(await acquireLock('order:1')).toBe(false);
    expect(await lock.release()).toBe(true);
    expect(await acquireLock('order:1')).toBe(true);
  });

  it('given a lock of the client, then this library waits for its release', async () => {
    expect(await acquireLock('order:1')).toBe(true);
    expect(await locks.service.tryAcquire('order:1')).toBeNull();
    await expect(locks.service.acquire('order:1', { wait: 100 })).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });

    const waiting = locks.service.acquire('order:1');
    await eventually(async () => expect(await client.exists('lock:~nl:q:order:1')).toBe(1));
    await releaseLock('order:1');
    const lock = await waiting;
    expect(lock.held).toBe(true);
    expect(await acquireLock('order:1')).toBe(false);
    await lock.release();
  });

  it('given a lock of the client that expires, then this library gets in; without an expiry, it is kept out', async () => {
    await client.set('lock:order:1', '1', 'PX', 150, 'NX');
    const lock = await locks.service.acquire('order:1');
    expect(lock.held).toBe(true);
    await lock.release();
    await client.set('lock:order:1', '1', 'NX');
    await expect(locks.service.acquire('order:1', { wait: 150 })).rejects.toMatchObject({
      code: 'LOCK_BUSY',
      remaining: Infinity,
      message: expect.stringMatching(/Its holder has no expiry, so it is no lock of this library/),
    });
    await expect(locks.service.acquire('order:1', { wait: 0 })).rejects.toThrow(/has no expiry/);
    await locks.service.forceRelease('order:1', { by: 'a test', holder: 'any' });
    await (await locks.service.acquire('order:1', { wait: 0 })).release();
  });

  it("given an expired lease, then release() here does not delete the client's lock", async () => {
    const lock = await locks.service.acquire('order:1', { ttl: 100, renew: false });
    await eventually(async () => expect(await client.exists('lock:order:1')).toBe(0));
    expect(await acquireLock('order:1')).toBe(true);
    expect(await lock.release()).toBe(false);
    expect(await client.get('lock:order:1')).toBe('1');
  });

  it('given a client that deletes a held key, then the holder learns of the loss at the next renewal', async () => {
    const lock = await locks.service.acquire('order:1', { ttl: 600 });
    const { signal } = lock;
    await releaseLock('order:1');
    expect(await acquireLock('order:1')).toBe(true);
    await eventually(() => expect(signal.aborted).toBe(true));
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'not-owner', key: 'order:1' });
    expect(lock.held).toBe(false);
    expect(await lock.release()).toBe(false);
    expect(await client.get('lock:order:1')).toBe('1');
  });

  it('given a lock of the client, then the error is LOCK_BUSY without a holder', async () => {
    await acquireLock('order:1');
    const error = await locks.service.acquire('order:1', { wait: 0 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'LOCK_BUSY', holder: undefined });
    expect((error as { remaining: number }).remaining).toBeGreaterThan(29_000);
  });
});
