/** `forceRelease` on each topology, of each kind of holder, and of what is no lock. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import type { Lock } from '../../lib/core/contracts/lock.js';
import type { LockService } from '../../lib/lock.service.js';
import type { LockInfo } from '../../lib/index.js';
import { clusterLocksOn } from '../support/cluster-locks.js';
import { eventually } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn, locksWith } from '../support/locks.js';
import { MASTER, startSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';

const by = 'jane';
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Waits until the key is as wanted. */
function seen(service: LockService, key: string, wanted: (info: LockInfo) => boolean): Promise<LockInfo> {
  return eventually(async () => {
    const info = await service.inspect(key);
    if (info === null || !wanted(info)) throw new Error(`Not yet: ${JSON.stringify(info)}`);
    return info;
  });
}

const reasonOf = (lock: Lock): string | undefined => (lock as HeldLock).lost?.reason;

type Topology = (owner: string) => Locks<never>;

const topologies: [string, () => Promise<Topology>][] = [
  [
    'one Redis',
    async () => {
      const server = await startRedis();
      ends.push(() => server.stop());
      return (owner) => locksOn(server, { owner, inspection: 'always' }) as unknown as Locks<never>;
    },
  ],
  [
    'a Cluster',
    async () => {
      const cluster = await startRedisCluster();
      ends.push(() => cluster.stop());
      return (owner) => clusterLocksOn(cluster, { owner, inspection: 'always' }) as unknown as Locks<never>;
    },
  ],
  [
    'Sentinel',
    async () => {
      const server = await startRedis();
      ends.push(() => server.stop());
      const sentinel = await startSentinel(server);
      ends.push(() => sentinel.stop());
      return (owner) => {
        const address = { sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: MASTER };
        const client = new Redis({ ...address, maxRetriesPerRequest: null });
        client.on('error', () => undefined);
        return locksWith(client, { owner, inspection: 'always' }) as unknown as Locks<never>;
      };
    },
  ],
];

describe.each(topologies)('on %s', (_name, make) => {
  it('given a holder and a caller that waits, then the one is told, and the other has the key', async () => {
    const topology = await make();
    const [a, b, c] = ['a', 'b', 'c'].map((owner) => topology(owner));
    ends.push(() => Promise.all([a, b, c].map((locks) => locks.close())));
    const lock = await a.service.acquire('k', { ttl: '10m' });
    const next = b.service.acquire('k', { wait: '30s' });
    const info = await seen(
      c.service,
      'k',
      ({ holders, queue }) => holders[0].answered && queue.length === 1 && queue[0].answered,
    );
    const holder = info.holders[0].id;
    expect(await c.service.forceRelease('k', { holder, by })).toEqual({ released: 1, told: 1 });
    const granted = await next;
    expect(granted.fence).toBeGreaterThan(lock.fence);
    await eventually(() => expect(lock.signal.aborted).toBe(true));
    expect(reasonOf(lock)).toBe('revoked');
    // The holder that was meant is gone, and the next one keeps the key.
    expect(await c.service.forceRelease('k', { holder, by })).toEqual({ released: 0, told: 0 });
    expect(await granted.extend()).toBeUndefined();
    expect(await lock.release()).toBe(false);
    expect(granted.held).toBe(true);
    await granted.release();
    const overview = await c.service.overview();
    expect(overview.processes.map(({ owner }) => owner).sort()).toEqual(['a', 'b', 'c']);
    expect(overview.troubles).toMatchObject([{ what: 'lost', key: 'k', owner: 'a', reason: 'revoked' }]);
  });
});

describe('each kind of holder', () => {
  let server: RedisServer;
  let admin: Redis;
  let a: Locks;
  let b: Locks;

  beforeEach(async () => {
    server = await startRedis();
    ends.push(() => server.stop());
    admin = server.client();
    [a, b] = ['a', 'b'].map((owner) => open({ owner, inspection: 'always' }));
  });

  function open(options: LocksOptions): Locks {
    const locks = locksOn(server, options);
    ends.push(() => locks.close());
    return locks;
  }

  it('given a reader, then the other readers stay, and a writer waits for them', async () => {
    const [mine, other] = await Promise.all(
      [a, b].map(({ service }) => service.acquire('k', { mode: 'shared' })),
    );
    const writer = b.service.acquire('k', { wait: '30s' });
    const info = await seen(
      b.service,
      'k',
      ({ queue, holders }) => queue.length === 1 && holders.length === 2,
    );
    const holder = info.holders.find(({ owner }) => owner === 'a')!.id;
    expect(await b.service.forceRelease('k', { holder, by })).toEqual({ released: 1, told: 1 });
    await eventually(() => expect(reasonOf(mine)).toBe('revoked'));
    await other.extend();
    expect(other.held).toBe(true);
    expect((await b.service.inspect('k'))?.holders).toMatchObject([{ owner: 'b' }]);
    await other.release();
    await (await writer).release();
  });

  it('given a permit, then it is free for the next caller, and the other permit stays', async () => {
    const [mine, other] = await Promise.all([a, b].map(({ service }) => service.acquire('k', { limit: 2 })));
    const next = b.service.acquire('k', { limit: 2, wait: '30s' });
    const info = await seen(
      b.service,
      'k',
      ({ queue, holders }) => queue.length === 1 && holders.length === 2,
    );
    const holder = info.holders.find(({ owner }) => owner === 'a')!.id;
    expect(await b.service.forceRelease('k', { holder, by })).toMatchObject({ released: 1 });
    const granted = await next;
    await eventually(() => expect(reasonOf(mine)).toBe('revoked'));
    await other.extend();
    expect([other.held, granted.held]).toEqual([true, true]);
    await Promise.all([other, granted].map((lock) => lock.release()));
  });

  it('given the rest of a minHold, then the key is free at once', async () => {
    const lock = await a.service.acquire('k', { minHold: '10m' });
    expect(await lock.release()).toBe(true);
    const info = (await b.service.inspect('k'))!;
    expect(info.holders).toMatchObject([{ owner: 'a' }]);
    expect(info.holders[0].remaining).toBeGreaterThan(500_000);
    const next = b.service.acquire('k', { wait: '30s' });
    await seen(b.service, 'k', ({ queue }) => queue.length === 1);
    expect(await b.service.forceRelease('k', { holder: info.holders[0].id, by })).toMatchObject({
      released: 1,
    });
    await (await next).release();
    expect(reasonOf(lock)).toBeUndefined();
    expect(await admin.exists('lock:k')).toBe(0);
  });

  it('given the process itself as the holder, then it is told without a message', async () => {
    const lock = await a.service.acquire('k');
    const { holders } = (await a.service.inspect('k'))!;
    expect(await a.service.forceRelease('k', { holder: holders[0].id, by })).toEqual({
      released: 1,
      told: 1,
    });
    await eventually(() => expect(reasonOf(lock)).toBe('revoked'));
  });

  it('given a holder that does not listen, then it is not told, and notices at its next renewal', async () => {
    const quiet = open({ owner: 'quiet', inspection: 'off' });
    const lock = await quiet.service.acquire('k', { ttl: 900 });
    const { holders } = (await a.service.inspect('k'))!;
    expect(holders).toMatchObject([{ owner: 'quiet', answered: false }]);
    expect(await a.service.forceRelease('k', { holder: holders[0].id, by })).toEqual({
      released: 1,
      told: 0,
    });
    await eventually(() => expect(reasonOf(lock)).toBe('not-owner'));
  });

  it('given a dead holder, then the key is free', async () => {
    const dead = 'nl1:AAAAAAAAAAAAAAAA:1deadbeef00:host%3A7';
    await admin.set('lock:k', dead, 'PX', 600_000);
    const { holders } = (await a.service.inspect('k'))!;
    expect(holders).toMatchObject([{ owner: 'host:7', answered: false }]);
    expect(await a.service.forceRelease('k', { holder: holders[0].id, by })).toEqual({
      released: 1,
      told: 0,
    });
    await (await b.service.acquire('k', { wait: 0 })).release();
  });

  it.each([
    ['a word', 'somebody'],
    ['an empty string', ''],
    ['a question mark', '?'],
    ['the beginning of a token', 'nl1:'],
    ['a long string', 'x'.repeat(100_000)],
    ['control characters', '\n"é\u0000'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe])],
    ['a token followed by a byte that is no text', Buffer.from('nl1:a:1:b\xff', 'latin1')],
    ['the character that replaces such bytes', '\ufffd'],
    ['long text', 'é'.repeat(10_000)],
  ])('given %s of a foreign client, then it is shown, and released', async (_name, value) => {
    await admin.set('lock:k', value);
    const info = (await a.service.inspect('k'))!;
    expect(info).toMatchObject({
      kind: 'foreign',
      holders: [{ owner: 'a foreign client', remaining: Infinity }],
    });
    expect(await a.service.forceRelease('k', { holder: info.holders[0].id, by })).toEqual({
      released: 1,
      told: 0,
    });
    expect(await admin.exists('lock:k')).toBe(0);
  });

  it('given a long value with bytes that are no text, then the refusal says what to do', async () => {
    await admin.set('lock:k', Buffer.alloc(5_000, 0xff));
    expect(await a.service.inspect('k')).toMatchObject({ kind: 'foreign' });
    await expect(a.service.forceRelease('k', { holder: 'any', by })).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/"k" was not released.*delete the key with DEL/),
    });
  });

  it('given bytes of a foreign client and callers that wait, then the first caller has the key', async () => {
    await admin.set('lock:k', Buffer.from([0xff, 0xfe]));
    const next = b.service.acquire('k', { wait: '30s' });
    const info = await seen(a.service, 'k', ({ queue }) => queue.length === 1);
    // Other bytes become the same text, and are another value.
    await admin.set('lock:k', Buffer.from([0xfe, 0xff]));
    const seenBefore = { holder: info.holders[0].id, by };
    expect(await a.service.forceRelease('k', seenBefore)).toEqual({ released: 0, told: 0 });
    await admin.set('lock:k', Buffer.from([0xff, 0xfe]));
    expect(await a.service.forceRelease('k', seenBefore)).toEqual({ released: 1, told: 0 });
    await (await next).release();
  });

  it.each([
    ['a list', ['RPUSH', 'lock:k', 'x']],
    ['a hash', ['HSET', 'lock:k', 'a', 'b']],
    ['a sorted set', ['ZADD', 'lock:k', '1', 'x']],
  ])(
    'given %s of a foreign client, then it is shown, and the refusal to release it is clear',
    async (_name, command) => {
      await admin.call(command[0], ...command.slice(1));
      const info = (await a.service.inspect('k'))!;
      expect(info).toMatchObject({ kind: 'foreign', holders: [{ owner: 'a foreign client' }] });
      await expect(a.service.forceRelease('k', { holder: info.holders[0].id, by })).rejects.toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/a value in Redis that is not a lock.*remove the value/s),
      });
      expect(await admin.exists('lock:k')).toBe(1);
    },
  );
});
