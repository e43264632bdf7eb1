/** `inspect`, `overview`, `list` and `forceRelease`, between processes' engines on one Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import type { LockInfo } from '../../lib/index.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
let client: Redis;
let a: Locks;
let b: Locks;
let c: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
}, 60_000);
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  [a, b, c] = ['a:1', 'b:2', 'c:3'].map((owner) => locksOn(server, { owner, inspection: 'always' }));
});
afterEach(() => Promise.all([a, b, c].map((locks) => locks.close())));

/** Waits until the key is as wanted. */
function seen(key: string, wanted: (info: LockInfo) => boolean): Promise<LockInfo> {
  return eventually(async () => {
    const info = await c.service.inspect(key);
    if (info === null || !wanted(info)) throw new Error(`Not yet: ${JSON.stringify(info)}`);
    return info;
  });
}

describe('inspect', () => {
  it('given a key that nobody holds, then it is null', async () => {
    expect(await a.service.inspect('free')).toBeNull();
  });

  it('given a holder and callers of another process, then it has their facts', async () => {
    const lock = await a.service.acquire('k', { ttl: '20s', maxHold: '1h' });
    const waiting = b.service.using('other', () =>
      Promise.all([1, 2].map(() => b.service.using('k', { wait: '30s' }, () => undefined))),
    );
    const info = await seen('k', ({ queue, holders }) => queue[0]?.answered && holders[0].answered);
    expect(info).toMatchObject({ key: 'k', kind: 'exclusive', waiting: 2 });
    expect(info.holders).toHaveLength(1);
    expect(info.holders[0]).toMatchObject({
      owner: 'a:1',
      answered: true,
      fence: lock.fence,
      ttl: 20_000,
      renew: true,
      maxHold: 3_600_000,
    });
    expect(info.holders[0].site).toContain('inspect.spec');
    expect(info.holders[0].held).toBeGreaterThan(0);
    expect(info.at.getTime() - info.holders[0].since!.getTime()).toBeCloseTo(info.holders[0].held!, -1);
    expect(info.queue).toHaveLength(1);
    expect(info.queue[0].owner).toBe('b:2');
    expect(info.queue[0].callers).toMatchObject([{ holds: ['other'] }, { holds: ['other'] }]);
    expect(JSON.stringify(info)).not.toContain(lock.token);
    await lock.release();
    await waiting;
  });

  it('given a foreign value, then it is told as such', async () => {
    await client.set('lock:k', 'somebody');
    const info = await a.service.inspect('k');
    expect(info).toMatchObject({
      kind: 'foreign',
      waiting: 0,
      queue: [],
      holders: [{ owner: 'a foreign client', remaining: Infinity, answered: false }],
    });
  });

  it('given a holder that never waited, then it answers once it has held for a second', async () => {
    const quiet = locksOn(server, { owner: 'quiet:4' });
    const lock = await quiet.service.acquire('k');
    const info = await seen('k', ({ holders }) => holders[0].answered);
    expect(info.holders[0].held).toBeGreaterThan(1_000);
    await lock.release();
    await quiet.close();
  });

  it('given readers and permits, then it shows each holder', async () => {
    const readers = await Promise.all([a, b].map(({ service }) => service.acquire('r', { mode: 'shared' })));
    const permits = await Promise.all([a, b].map(({ service }) => service.acquire('s', { limit: 3 })));
    expect(await c.service.inspect('r')).toMatchObject({ kind: 'shared', holders: [{}, {}] });
    expect(await c.service.inspect('s')).toMatchObject({ kind: 'semaphore', holders: [{}, {}] });
    const writer = await a.service.acquire('t');
    const queued = [1, 2, 3].map(() => b.service.acquire('t', { mode: 'shared', wait: '20s' }));
    await seen('t', ({ waiting }) => waiting === 3);
    await writer.release();
    readers.push(...(await Promise.all(queued)));
    expect(await c.service.inspect('t')).toMatchObject({
      kind: 'shared',
      holders: [{ owner: 'b:2', more: 2 }],
    });
    await Promise.all([...readers, ...permits].map((lock) => lock.release()));
  });
});

describe('overview', () => {
  it('given three processes, then it has what they hold and wait for', async () => {
    const lock = await a.service.acquire('k');
    const waiting = b.service.using('k', () => undefined);
    const overview = await eventually(async () => {
      const found = await c.service.overview();
      expect(found.processes.map(({ owner }) => owner).sort()).toEqual(['a:1', 'b:2', 'c:3']);
      expect(found.locks).toMatchObject([
        { key: 'k', holders: [{ owner: 'a:1' }], queue: [{ owner: 'b:2' }] },
      ]);
      return found;
    });
    expect(overview.silent).toBe(0);
    await lock.release();
    await waiting;
  });

  it('given two processes that wait for each other, then the cycle is found by two overviews', async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const both = [deferred(), deferred()];
    const crossed = (locks: Locks, i: 0 | 1, first: string, then: string) =>
      locks.service.using(first, async () => {
        both[i].resolve();
        await both[1 - i].promise;
        await locks.service.using(then, { signal }, () => undefined);
      });
    const ended = Promise.allSettled([crossed(a, 0, 'x', 'y'), crossed(b, 1, 'y', 'x')]);
    await eventually(async () => {
      const { cycles } = await c.service.overview();
      expect(cycles).toHaveLength(1);
      expect(cycles[0].links.map(({ holds, wants }) => `${holds.join()}→${wants}`).sort()).toEqual([
        'x→y',
        'y→x',
      ]);
    });
    leaving.abort();
    await ended;
    expect((await c.service.overview()).cycles).toEqual([]);
  });
});

describe('list', () => {
  it('given locks, foreign values and keys that are only waited for, then it finds each once', async () => {
    const locks = await Promise.all(['a*1', 'a2', 'b'].map((key) => a.service.acquire(key)));
    await client.set('lock:foreign', '1');
    await client.zadd('lock:~nl:q:queued', 1, 'nl1:dead:1:x');
    await client.mset(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`noise:${i}`, '1'])));
    const keys = async (pattern?: string) => {
      const found: string[] = [];
      for await (const { key } of b.service.list(pattern)) found.push(key);
      return found.sort();
    };
    expect(await keys()).toEqual(['a*1', 'a2', 'b', 'foreign', 'queued']);
    expect(await keys('a?')).toEqual(['a2']);
    expect(await keys('a\\**')).toEqual(['a*1']);
    const stopped: string[] = [];
    const signal = AbortSignal.abort();
    for await (const { key } of b.service.list('*', { signal })) stopped.push(key);
    expect(stopped).toEqual([]);
    await Promise.all(locks.map((lock) => lock.release()));
  });
});

describe('forceRelease', () => {
  it('given the holder that was seen, then it loses the lock, and the next caller has it', async () => {
    const lock = await a.service.acquire('k');
    const next = b.service.acquire('k', { wait: '20s' });
    const info = await seen('k', ({ queue }) => queue.length === 1);
    const result = await c.service.forceRelease('k', {
      holder: info.holders[0].id,
      by: 'jane',
      reason: 'stuck',
    });
    expect(result.released).toBe(1);
    const granted = await next;
    expect(granted.fence).toBeGreaterThan(lock.fence);
    await eventually(() => expect(lock.signal.aborted).toBe(true));
    expect(result.told).toBe(1);
    expect((lock as HeldLock).lost).toMatchObject({ code: 'LOCK_LOST', reason: 'revoked' });
    const forced = [c, a].map(({ events }) => events.find(({ name }) => name === 'force-release'));
    expect(forced[0]).toMatchObject({ key: 'k', by: 'jane', why: 'stuck', owner: 'a:1' });
    await granted.release();
  });

  it('given a holder that has left meanwhile, then nothing happens', async () => {
    const first = await a.service.acquire('k');
    const { holders } = (await c.service.inspect('k'))!;
    await first.release();
    const second = await b.service.acquire('k');
    expect(await c.service.forceRelease('k', { holder: holders[0].id, by: 'jane' })).toEqual({
      released: 0,
      told: 0,
    });
    await second.extend();
    expect(second.held).toBe(true);
    await second.release();
  });

  it('given "any", then a foreign value and each permit are released', async () => {
    await client.set('lock:k', 'somebody');
    expect((await a.service.forceRelease('k', { holder: 'any', by: 'jane' })).released).toBe(1);
    expect(await client.exists('lock:k')).toBe(0);
    const permits = await Promise.all([a, b].map(({ service }) => service.acquire('s', { limit: 3 })));
    expect((await c.service.forceRelease('s', { holder: 'any', by: 'jane' })).released).toBe(2);
    await eventually(() => expect(permits.map(({ held }) => held)).toEqual([false, false]));
  });

  it.each([
    [{ by: 'jane' }, '"holder"'],
    [{ holder: 'any' }, '"by"'],
    [{ holder: 'any', by: ' ' }, '"by"'],
    [{ holder: 'any', by: 'jane', force: true }, '"force"'],
  ])('given %j, then the error names %s', async (options, name) => {
    await expect(a.service.forceRelease('k', options as never)).rejects.toMatchObject({
      code: 'LOCK_OPTIONS',
      message: expect.stringContaining(name) as unknown,
    });
  });
});
