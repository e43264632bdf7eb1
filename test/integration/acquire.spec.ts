/** LockService on a real Redis: taking and giving back, one process and several. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { deferred } from '../support/deferred.js';
import { startChild } from '../support/child-process.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { CounterHandlers } from '../support/workers/counter.worker.js';

let server: RedisServer;
let client: Redis;
let locks: Locks;
let other: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  locks = locksOn(server);
  other = locksOn(server);
});
afterAll(async () => {
  await Promise.all([locks.close(), other.close()]);
  await server.stop();
});
beforeEach(() => client.flushall());

describe('acquire', () => {
  it("sets the article's key, with a token of ours and the ttl, and removes it on release", async () => {
    const lock = await locks.service.acquire('a');
    expect(await client.get('lock:a')).toBe(lock.token);
    const left = await client.pttl('lock:a');
    // The machine may be busy.
    expect(left).toBeGreaterThan(20_000);
    expect(left).toBeLessThanOrEqual(30_000);
    expect(lock.remaining).toBeLessThanOrEqual(30_000);
    expect(lock.expiresAt.getTime()).toBeGreaterThan(Date.now() + 20_000);
    expect(await lock.release()).toBe(true);
    expect(await client.exists('lock:a')).toBe(0);
  });

  it('makes a token that was never used before, for each exchange', async () => {
    const tokens = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      await using lock = await locks.service.acquire('a');
      tokens.add(lock.token);
    }
    expect(tokens.size).toBe(20);
    await eventually(async () => expect(await client.exists('lock:a')).toBe(0));
  });

  it('waits for another process and gets the lock at its release, not at its expiry', async () => {
    const held = await other.service.acquire('a');
    const waiting = locks.service.acquire('a');
    await eventually(async () => expect(await client.zcard('lock:~nl:q:a')).toBe(1));
    const released = performance.now();
    await held.release();
    const lock = await waiting;
    expect(performance.now() - released).toBeLessThan(1_000);
    expect(lock.fence).toBeGreaterThan(held.fence);
    await lock.release();
    expect(await client.keys('lock:*')).toEqual(['lock:~nl:f']);
  });

  it('takes several keys all or none, each once, in any order, without a deadlock', async () => {
    const run = async (service: Locks['service'], keys: string[]): Promise<void> => {
      for (let i = 0; i < 20; i += 1) {
        await using lock = await service.acquire(keys);
        expect(lock.keys).toEqual(['a', 'b']);
      }
    };
    await Promise.all([
      run(locks.service, ['a', 'b']),
      run(other.service, ['b', 'a', 'b']),
      run(locks.service, ['b', 'a']),
    ]);
    const b = await other.service.acquire('b');
    expect(await locks.service.tryAcquire(['a', 'b'])).toBeNull();
    expect(await client.exists('lock:a')).toBe(0);
    await b.release();
  });

  it.each([[''], [[]], [[1]], [undefined], [null], [['a', '']]])('refuses the key %p', async (key) => {
    await expect(locks.service.acquire(key as never)).rejects.toMatchObject({ code: 'LOCK_KEY' });
    await expect(locks.service.tryAcquire(key as never)).rejects.toMatchObject({ code: 'LOCK_KEY' });
    await expect(locks.service.using(key as never, () => 1)).rejects.toMatchObject({ code: 'LOCK_KEY' });
  });

  it('refuses a name that is reserved', async () => {
    await expect(locks.service.acquire('~nl:f')).rejects.toMatchObject({ code: 'LOCK_KEY' });
  });
});

describe('tryAcquire', () => {
  it('is null while somebody holds the key, in this process or another, and never waits', async () => {
    const held = await locks.service.acquire('a');
    expect(await locks.service.tryAcquire('a')).toBeNull();
    expect(await other.service.tryAcquire('a')).toBeNull();
    await held.release();
    const lock = await other.service.tryAcquire('a');
    expect(lock?.held).toBe(true);
    await lock?.release();
  });
});

describe('using', () => {
  it("returns the work's result, and gives back after it", async () => {
    const result = await locks.service.using('a', async (lock) => {
      expect(await client.get('lock:a')).toBe(lock.token);
      return 42;
    });
    expect(result).toBe(42);
    expect(await client.exists('lock:a')).toBe(0);
  });

  it("passes the work's own error on, untouched, and gives back", async () => {
    const mine = new Error('mine');
    await expect(locks.service.using('a', () => Promise.reject(mine))).rejects.toBe(mine);
    await expect(
      locks.service.using('a', () => {
        throw mine;
      }),
    ).rejects.toBe(mine);
    expect(await client.exists('lock:a')).toBe(0);
  });

  it('peers: does not unlock what it never got', async () => {
    const held = await other.service.acquire('a');
    const ran: string[] = [];
    await expect(locks.service.using('a', { wait: 50 }, () => void ran.push('x'))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    expect(ran).toEqual([]);
    expect(await client.get('lock:a')).toBe(held.token);
    await held.release();
  });

  it('says so after the work, when the lock was lost during it', async () => {
    const mine = new Error('mine');
    const lose = (): Promise<unknown> => client.set('lock:a', 'somebody');
    const lost = await locks.service.using('a', lose).catch((error: unknown) => error);
    expect(lost).toMatchObject({ code: 'LOCK_LOST', key: 'a', reason: 'not-owner' });
    expect(lost).not.toHaveProperty('cause');
    await client.del('lock:a');
    const failing = async (): Promise<never> => {
      await lose();
      throw mine;
    };
    await expect(locks.service.using('a', failing)).rejects.toMatchObject({ code: 'LOCK_LOST', cause: mine });
    await client.del('lock:a');
    expect(await locks.service.using('a', { onLost: 'warn' }, async () => (await lose(), 'result'))).toBe(
      'result',
    );
  });

  it('makes its lock the current one, and refuses to wait for itself', async () => {
    expect(locks.service.tryCurrent()).toBeUndefined();
    expect(() => locks.service.current()).toThrow(/No lock is held here/);
    await locks.service.using('a', async (a) => {
      expect(locks.service.current()).toBe(a);
      await expect(locks.service.acquire('a')).rejects.toMatchObject({ code: 'LOCK_REENTRY', key: 'a' });
      await locks.service.using(['b', 'c'], (b) => {
        expect(locks.service.current()).toBe(b);
        expect(locks.service.current('a')).toBe(a);
        expect(() => locks.service.current('x')).toThrow(/"x" is not held here/);
      });
      expect(locks.service.current()).toBe(a);
      expect(() => locks.service.current('b')).toThrow(/"b" is not held here/);
    });
  });

  it('does not count as held for what is left running after its end', async () => {
    const barrier = deferred();
    let left: Promise<unknown> = Promise.resolve();
    await locks.service.using('a', () => {
      left = barrier.promise.then(() => locks.service.tryCurrent('a'));
    });
    barrier.resolve();
    expect(await left).toBeUndefined();
  });

  it('wants a function', async () => {
    await expect(locks.service.using('a', {} as never)).rejects.toThrow(/work must be a function/);
  });
});

describe('several processes', () => {
  it('exclude each other, in 3 processes of 8 callers each, with fences that increase', async () => {
    const url = new URL('../support/workers/counter.worker.ts', import.meta.url);
    const children = await Promise.all([1, 2, 3].map(() => startChild<CounterHandlers>(url)));
    try {
      const reports = await Promise.all(children.map((child) => child.call('count', server.url, 8, 25)));
      expect(reports.flatMap((report) => report.overlaps)).toEqual([]);
      // Each turn read the counter, waited, and wrote it back: a lost update is an overlap.
      expect(await client.get('counter')).toBe(String(3 * 8 * 25));
      const log = (await client.lrange('log', 0, -1)).map(Number);
      expect(log).toHaveLength(3 * 8 * 25);
      expect(log).toEqual([...log].sort((a, b) => a - b));
      expect(new Set(log).size).toBe(log.length);
      expect(await client.keys('lock:*')).toEqual(['lock:~nl:f']);
    } finally {
      await Promise.all(children.map((child) => child.stop()));
    }
  }, 60_000);
});
