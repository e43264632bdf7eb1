/** Shared locks and semaphores while Redis refuses, forgets or does not answer, and when many are granted at once. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { EXCLUSIVE, SHARED, type LockAccess } from '../../lib/core/contracts/token.js';
import {
  SHORT,
  TTL,
  type World,
  request,
  attempt,
  release,
  grantedOf,
  lastOf,
  enqueue,
  check,
  queuedOf,
  renew,
  semaphore,
  take,
} from '../../lib/testing/contract/world.js';
import { eventually } from '../support/eventually.js';
import { increasing, microsecondsOf } from '../support/fence-clock.js';
import { type HoldersView, holdersOf, sessionsOn } from '../support/holders.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';

const SEVERAL: ReadonlyArray<readonly [string, LockAccess, other: LockAccess]> = [
  ['shared', SHARED, EXCLUSIVE],
  ['semaphore', semaphore(2), semaphore(1)],
];

let server: RedisServer;
let client: Redis;
let world: World;
let view: HoldersView;
/** The functions that close what a test has opened, the latest last. */
let ends: Array<() => Promise<void>>;

beforeEach(async () => {
  ends = [];
  server = await startRedis();
  client = server.client();
  ({ world } = sessionsOn(server));
  view = holdersOf(client);
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  await world.end();
  await server.stop();
});

describe.each(SEVERAL)('%s lock: Redis out of memory', (_kind, access, other) => {
  it('given no free memory, then a request is refused, and holders renew, apply minHold, leave and hand off', async () => {
    const [a, b] = world.participants(2);
    await world.canQueue(a, b);
    const [one, two] = [await take(a, access), await take(b, access)];
    const waits = await enqueue(b, other);
    await client.config('SET', 'maxmemory', '1');

    const refused = a.token(access);
    await expect(request(a, 'free', { token: refused })).rejects.toThrow(/OOM/);
    await expect(request(a, 'free', { token: refused, mode: 'queue' })).rejects.toThrow(/OOM/);
    expect(await client.exists('lock:free', 'lock:~nl:h:free', 'lock:~nl:q:free')).toBe(0);

    expect((await renew(a, 'k', one, { ttl: 3 * TTL })).held).toBe(true);
    expect(await client.pttl('lock:k')).toBeGreaterThan(2 * TTL);
    expect((await renew(b, 'k', two, { ttl: 2 * TTL })).held).toBe(true);
    expect((await view.members()).get(two)).toBeGreaterThan((await view.now()) + TTL);
    expect((await request(a, 'k', { token: one, ttl: 4 * TTL })).acquire?.state).toBe('granted');
    const kept = await b.session.exchange({ key: 'k', release: { token: two, releaseAfter: SHORT } });
    expect(kept.released).toBe(true);
    expect((await release(b, 'k', two)).released).toBe(true);
    expect((await release(a, 'k', one)).released).toBe(true);
    expect((await world.offer(b)).token).toBe(waits);
    expect((await renew(b, 'k', waits)).held).toBe(true);
    expect((await release(b, 'k', waits)).released).toBe(true);
    expect(await client.keys('*')).toEqual(['lock:~nl:f']);
  });

  it('given one permit that minHold keeps, then it can be kept longer and released', async () => {
    const [a, b] = world.participants(2);
    await world.canQueue(b);
    const held = await take(a, access);
    const kept = await a.session.exchange({ key: 'k', release: { token: held, releaseAfter: TTL } });
    expect(kept.released).toBe(true);
    await client.config('SET', 'maxmemory', '1');
    expect(
      (await a.session.exchange({ key: 'k', release: { token: held, releaseAfter: 2 * TTL } })).released,
    ).toBe(true);
    expect(await client.pttl('lock:k')).toBeGreaterThan(TTL);
    expect(await client.pttl(view.holders)).toBeGreaterThan(TTL);
    expect((await release(a, 'k', held)).released).toBe(true);
    expect(await client.keys('*')).toEqual(['lock:~nl:f']);
  });
});

describe.each(SEVERAL)('%s lock: an unknown outcome', (_kind, access, other) => {
  it.each(['dropReplies', 'dropRequests'] as const)(
    'given a request with %s, then the orphaned token is cleaned up',
    async (fault) => {
      const { proxy, through } = await proxied();
      const [a, b] = [world.participant(), through.participant()];
      await release(b, 'k', await take(b, access));
      const held = await take(a, access);

      proxy[fault]();
      const lost = b.token(access);
      const requesting = request(b, 'k', { token: lost, mode: 'queue' });
      requesting.catch(() => undefined);
      if (fault === 'dropReplies') {
        await eventually(async () => expect((await view.members()).has(lost)).toBe(true));
      }
      await expect(requesting).rejects.toMatchObject({ code: 'LOCK_STORE' });
      proxy.cut();
      proxy.release();
      await eventually(async () => expect([...(await view.members()).keys()]).toEqual([held]));
      await release(a, 'k', held);
      expect(await client.keys('*')).toEqual(['lock:~nl:f']);
    },
  );

  it('given a request that queues, then the orphaned token is cleaned up, and the queue goes on', async () => {
    const { proxy, through } = await proxied();
    const [a, b] = [world.participant(), through.participant()];
    await world.canQueue(a);
    await through.canQueue(b);
    // Now the server knows the scripts, and the session knows that the key has holders. Otherwise the replies that say so
    // would be dropped as well.
    for (const each of [access, other]) await release(b, 'k', await take(b, each));
    await take(a, access);
    await take(a, access);

    proxy.dropReplies();
    const lost = b.token(other);
    const requesting = request(b, 'k', { token: lost, mode: 'queue' });
    requesting.catch(() => undefined);
    await eventually(async () => expect(await client.zscore(view.queue, lost)).not.toBeNull());
    const behind = a.token(access.kind === 'shared' ? SHARED : semaphore(3));
    queuedOf(await request(a, 'k', { token: behind, mode: 'queue' }));
    await expect(requesting).rejects.toMatchObject({ code: 'LOCK_STORE' });
    proxy.cut();
    proxy.release();
    // Once the orphaned token is removed, the waiters behind it are served.
    expect((await world.offer(a)).token).toBe(behind);
    expect(await client.zcard(view.queue)).toBe(0);
  });
});

describe('the rights of a Redis user for shared locks and semaphores', () => {
  it('given the rights of the documentation, then they suffice, and a missing PEXPIREAT is named', async () => {
    const docs = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
    const [, command = ''] = /```text\nACL (SETUSER .*)\n```/.exec(docs) ?? [];
    await client.call('ACL', ...command.split(' '));
    const limited = sessionsOn(server, { redis: { username: 'locks', password: 'a-long-secret' } });
    ends.push(() => limited.world.end());
    const [a, b] = limited.world.participants(2);
    await limited.world.canQueue(a, b);
    for (const [, access, other] of SEVERAL) {
      const ended = await take(b, access, { ttl: SHORT });
      const held = await take(a, access);
      const waits = await enqueue(b, other);
      await limited.world.elapse(SHORT + 20);
      expect(await check(b, waits)).toBe('queued');
      expect((await renew(a, 'k', held)).held).toBe(true);
      expect((await renew(b, 'k', ended)).held).toBe(false);
      await a.session.exchange({ key: 'k', release: { token: held, releaseAfter: TTL } });
      expect((await release(a, 'k', held)).released).toBe(true);
      await limited.world.offer(b, waits);
      await release(b, 'k', waits);
    }
    expect(limited.locks.warnings).toEqual([]);
    await client.call('ACL', 'SETUSER', 'locks', '-pexpireat');
    await expect(request(a, 'k', { token: a.token(SHARED) })).rejects.toThrow(/lacks a right.*PEXPIREAT/s);
  });
});

describe('a foreign value at the name of the holders', () => {
  it.each(SEVERAL)(
    'given a %s request, then the error names the value, and nobody is let in',
    async (_kind, access) => {
      const a = world.participant();
      const held = await take(a, access);
      await client.set(view.holders, 'x');
      await expect(attempt(a, access)).rejects.toThrow(/WRONGTYPE/);
      await expect(attempt(a, EXCLUSIVE)).rejects.toThrow(/WRONGTYPE/);
      expect((await renew(a, 'k', held)).held).toBe(false);
      await client.del('lock:k');
      // The key is free, so any value at the holders' name is out of date.
      await take(a, access);
    },
  );
});

describe('many holders at once', () => {
  it('given 130 readers, then one step grants a hundred, and a check grants the rest', async () => {
    const [a, b] = world.participants(2);
    await world.canQueue(b);
    const held = await take(a, EXCLUSIVE);
    const readers: string[] = [];
    for (let i = 0; i < 130; i += 1) readers.push(await enqueue(b, SHARED));
    const writer = await enqueue(b, EXCLUSIVE);
    await release(a, 'k', held);
    expect((await view.members()).size).toBe(100);
    expect(await check(b, writer)).toBe('queued');
    expect([...(await view.members()).keys()].sort()).toEqual([...readers].sort());
    expect(await client.zcard(view.queue)).toBe(1);
    await eventually(() => expect(b.offers).toHaveLength(130));
    expect(b.offers.map(({ token }) => token)).toEqual(readers);
    const fences = b.offers.map(({ fence }) => fence);
    expect(fences).toEqual(increasing(fences));
  });

  it('given a block of fences behind granted readers, then no fence is ahead of the clock', async () => {
    const [a, b] = world.participants(2);
    await world.canQueue(b);
    for (let round = 0; round < 5; round += 1) {
      await take(a, EXCLUSIVE);
      const readers: string[] = [];
      for (let i = 0; i < 50; i += 1) readers.push(await enqueue(b, SHARED));
      await client.del('lock:k');
      // The last reader checks. The other readers are granted before it, and it draws a block of fences after theirs.
      const granted = grantedOf(await request(b, 'k', { token: readers[49], mode: 'check', fences: 64 }));
      expect(lastOf(granted)).toBeLessThanOrEqual(await microsecondsOf(client));
      await eventually(() => expect(b.offers).toHaveLength(49));
      const offered = b.offers.splice(0).map(({ fence }) => fence);
      expect(Math.max(...offered)).toBeLessThan(granted.fence);
      for (const token of readers) await release(b, 'k', token);
    }
  });

  it('given exchanges of one tick and several kinds, then each reply is what it would be alone', async () => {
    const a = world.participant();
    await release(a, 'k', await take(a, SHARED));
    const kinds = [SHARED, SHARED, semaphore(3), EXCLUSIVE, SHARED];
    const states = await Promise.all(kinds.map((access) => attempt(a, access)));
    expect(states).toEqual(['granted', 'granted', 'kind-conflict', 'busy', 'granted']);
    expect((await view.members()).size).toBe(3);
    await client.flushall();
    const permits = Array.from({ length: 40 }, () => attempt(a, semaphore(7)));
    expect((await Promise.all(permits)).filter((state) => state === 'granted')).toHaveLength(7);
  });
});

/** Sessions behind a proxy, with a short command time-out. */
async function proxied(): Promise<{ proxy: TcpProxy; through: World }> {
  const proxy = await startProxy(server);
  const { world: through } = sessionsOn(proxy, { commandTimeout: 300 });
  ends.push(
    () => proxy.stop(),
    () => through.end(),
  );
  return { proxy, through };
}
