/** LockService on a real Redis: acquire(), tryAcquire() and using(), in one process and in several. */
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

describe('acquire()', () => {
  it("given a free key, then Redis has the key with the lock's token and ttl, and release() deletes it", async () => {
    const lock = await locks.service.acquire('a');
    expect(await client.get('lock:a')).toBe(lock.token);
    const left = await client.pttl('lock:a');
    // A busy machine may need some seconds.
    expect(left).toBeGreaterThan(20_000);
    expect(left).toBeLessThanOrEqual(30_000);
    expect(lock.remaining).toBeLessThanOrEqual(30_000);
    expect(lock.expiresAt.getTime()).toBeGreaterThan(Date.now() + 20_000);
    expect(await lock.release()).toBe(true);
    expect(await client.exists('lock:a')).toBe(0);
  });

  it('given twenty acquisitions one after the other, then each lock has a token of its own', async () => {
    const tokens = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      await using lock = await locks.service.acquire('a');
      tokens.add(lock.token);
    }
    expect(tokens.size).toBe(20);
    await eventually(async () => expect(await client.exists('lock:a')).toBe(0));
  });

  it('given a key that another process holds, then the waiter gets the lock at the release, not at the expiry', async () => {
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

  it('given several keys, then all or none are acquired, in any order, each once, without a deadlock', async () => {
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

  it.each([[''], [[]], [[1]], [undefined], [null], [['a', '']]])(
    'given the invalid key %p, then every method refuses with LOCK_KEY',
    async (key) => {
      await expect(locks.service.acquire(key as never)).rejects.toMatchObject({ code: 'LOCK_KEY' });
      await expect(locks.service.tryAcquire(key as never)).rejects.toMatchObject({ code: 'LOCK_KEY' });
      await expect(locks.service.using(key as never, () => 1)).rejects.toMatchObject({ code: 'LOCK_KEY' });
    },
  );

  it('given a reserved name, then acquire() refuses with LOCK_KEY', async () => {
    await expect(locks.service.acquire('~nl:f')).rejects.toMatchObject({ code: 'LOCK_KEY' });
  });
});

describe('tryAcquire()', () => {
  it('given a key that this process or another one holds, then tryAcquire() resolves to null without a wait', async () => {
    const held = await locks.service.acquire('a');
    expect(await locks.service.tryAcquire('a')).toBeNull();
    expect(await other.service.tryAcquire('a')).toBeNull();
    await held.release();
    const lock = await other.service.tryAcquire('a');
    expect(lock?.held).toBe(true);
    await lock?.release();
  });

  it.each(['wait', 'signal'])(
    'given the option "%s", then tryAcquire() refuses: it never waits',
    async (name) => {
      const options = { [name]: name === 'wait' ? 300 : new AbortController().signal };
      await expect(locks.service.tryAcquire('a', options as object)).rejects.toMatchObject({
        code: 'LOCK_OPTIONS',
        option: name,
        message: expect.stringMatching(/never waits\. Leave it out, or call acquire\(\)/),
      });
    },
  );
});

describe('using()', () => {
  it('given work that returns, then using() gives its result and releases the lock after it', async () => {
    const result = await locks.service.using('a', async (lock) => {
      expect(await client.get('lock:a')).toBe(lock.token);
      return 42;
    });
    expect(result).toBe(42);
    expect(await client.exists('lock:a')).toBe(0);
  });

  it('given work that fails, then using() rejects with that very error and releases the lock', async () => {
    const mine = new Error('mine');
    await expect(locks.service.using('a', () => Promise.reject(mine))).rejects.toBe(mine);
    await expect(
      locks.service.using('a', () => {
        throw mine;
      }),
    ).rejects.toBe(mine);
    expect(await client.exists('lock:a')).toBe(0);
  });

  it('given a key that stays busy, then using() does not run the work and does not touch the key', async () => {
    const held = await other.service.acquire('a');
    const ran: string[] = [];
    await expect(locks.service.using('a', { wait: 50 }, () => void ran.push('x'))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    expect(ran).toEqual([]);
    expect(await client.get('lock:a')).toBe(held.token);
    await held.release();
  });

  it('given a lock that is lost during the work, then using() rejects with LOCK_LOST after it, or warns if told to', async () => {
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

  it('given running work, then its lock is the current one, and an acquisition of the same key is refused', async () => {
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

  it('given work that goes on after the hold has ended, then that work has no current lock', async () => {
    const barrier = deferred();
    let left: Promise<unknown> = Promise.resolve();
    await locks.service.using('a', () => {
      left = barrier.promise.then(() => locks.service.tryCurrent('a'));
    });
    barrier.resolve();
    expect(await left).toBeUndefined();
  });

  it('given work that is not a function, then using() refuses', async () => {
    await expect(locks.service.using('a', {} as never)).rejects.toThrow(/work must be a function/);
  });

  it('given options behind the work, then using() refuses: they would be ignored', async () => {
    const ran: string[] = [];
    const work = (): void => void ran.push('work');
    const call = locks.service.using('a', work as never, { ttl: '1s' } as never);
    await expect(call).rejects.toThrow(/work must be a function, and the last argument/);
    expect(ran).toEqual([]);
  });
});

describe('several processes', () => {
  it('given 3 processes of 8 callers each, then they exclude each other and fences increase', async () => {
    const url = new URL('../support/workers/counter.worker.ts', import.meta.url);
    const children = await Promise.all([1, 2, 3].map(() => startChild<CounterHandlers>(url)));
    try {
      const reports = await Promise.all(children.map((child) => child.call('count', server.url, 8, 25)));
      expect(reports.flatMap((report) => report.overlaps)).toEqual([]);
      // Each hold read the counter, waited, and wrote it back: an overlap would lose an update.
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
