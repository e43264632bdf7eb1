/** Renewals that fail, come late, or find another holder: what the holder of the lease knows, and when. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import type { Lock } from '../../lib/index.js';
import { LockService } from '../../lib/lock.service.js';
import { type Child, startChild } from '../support/child-process.js';
import { core } from '../support/core.js';
import { settle } from '../support/fake-clock.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';
import { connected } from '../support/waits.js';

let server: RedisServer;
let client: Redis;
let proxy: TcpProxy;
/** Locks that are not behind the proxy. */
let other: Locks;
const opened: Locks[] = [];
let child: Child<LocksHandlers>;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  child = await startChild<LocksHandlers>(new URL('../support/workers/locks.worker.ts', import.meta.url));
});
afterAll(async () => {
  await child.kill();
  await server.stop();
});

beforeEach(async () => {
  await client.flushall();
  proxy = await startProxy(server);
  other = locksOn(server);
});

afterEach(async () => {
  proxy.release();
  await Promise.all([...opened.splice(0), other].map((each) => each.close()));
  await proxy.stop();
});

/** Locks behind the proxy. They are closed after the test. */
async function proxied(options: LocksOptions = {}): Promise<Locks> {
  const locks = locksOn(proxy, options);
  opened.push(locks);
  await connected(locks);
  await (await locks.service.acquire('warm')).release();
  return locks;
}

/**
 * Counts the renewals that are sent: once the server knows the other scripts, only a renewal is sent with its script.
 */
function renewals(): { readonly count: number } {
  const seen = { count: 0 };
  proxy.watch((chunk, direction) => {
    if (direction === 'request') seen.count += chunk.split('\r\nEVAL\r\n').length - 1;
  });
  return seen;
}

/** Resolves when the signal aborts, with the ms since `since`. */
function aborted(lock: Lock, since: number): Promise<number> {
  return new Promise((resolve) =>
    lock.signal.addEventListener('abort', () => resolve(performance.now() - since)),
  );
}

describe('given a renewal that fails', () => {
  const scripts = (sign: '+' | '-'): Promise<unknown> =>
    client.call('ACL', 'SETUSER', 'bob', `${sign}eval`, `${sign}evalsha`);

  async function bob(): Promise<Locks> {
    await client.call('ACL', 'SETUSER', 'bob', 'reset', 'on', '>pw', '~*', '&*', '+@all');
    const locks = locksOn({ url: `redis://bob:pw@127.0.0.1:${server.port}` });
    opened.push(locks);
    await (await locks.service.acquire('warm')).release();
    return locks;
  }

  const failures = (locks: Locks): number => locks.events.filter(({ name }) => name === 'store-error').length;

  it('peers: then it is tried again, and renewals go on', async () => {
    const locks = await bob();
    const since = performance.now();
    const lock = await locks.service.acquire('k', { ttl: 1_500 });
    await scripts('-');
    await eventuallyTrue(() => failures(locks) >= 3);
    expect(lock.held).toBe(true);
    await scripts('+');
    await eventuallyTrue(() => lock.remaining > 1_000);
    const renewed = performance.now() - since;
    await eventuallyTrue(() => performance.now() - since > renewed + 1_500);
    expect(lock.held).toBe(true);
    expect(await lock.release()).toBe(true);
    expect(locks.events.every(({ name }) => name === 'store-error')).toBe(true);
  });

  it('peers: then the lock is lost at the end of the lease, and not before', async () => {
    const locks = await bob();
    const since = performance.now();
    const lock = await locks.service.acquire('k', { ttl: 800 });
    await scripts('-');
    const lostAfter = await aborted(lock, since);
    expect(failures(locks)).toBeGreaterThan(3);
    expect(lostAfter).toBeGreaterThan(780);
    expect(lostAfter).toBeLessThan(1_100);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' });
    await scripts('+');
  });

  it('peers: given a time-out, then it is tried again, and no rejection is unhandled', async () => {
    const locks = await proxied({ commandTimeout: 150 });
    const lock = await locks.service.acquire('k', { ttl: 1_500 });
    proxy.holdReplies();
    await eventuallyTrue(() => failures(locks) >= 2);
    expect(lock.held).toBe(true);
    proxy.release();
    await eventuallyTrue(() => lock.remaining > 1_000);
    expect(await lock.release()).toBe(true);
  });

  it('given the connection breaks, then the lease is renewed as soon as the connection is back', async () => {
    const locks = await proxied();
    const lock = await locks.service.acquire('k', { ttl: '60s' });
    const seen = renewals();
    proxy.cut();
    // The next regular renewal would come after twenty seconds.
    await eventuallyTrue(() => seen.count === 1, { within: 15_000 });
    await eventuallyTrue(() => lock.remaining > 59_000);
    expect(await lock.release()).toBe(true);
  });
});

describe('given a reply that does not come', () => {
  it('peers: then held is false from the end of the lease on, because the clock is read with the property', async () => {
    const locks = await proxied({ commandTimeout: 10_000 });
    const since = performance.now();
    const lock = await locks.service.acquire('k', { ttl: 600 });
    const { signal } = lock;
    proxy.holdReplies();
    expect(lock.held).toBe(true);
    // No timer can run during this wait.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, since + 605 - performance.now());
    expect(lock.held).toBe(false);
    expect(lock.remaining).toBe(0);
    expect(() => lock.assertHeld()).toThrow(/was lost after/);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' });
  });

  it('then the signal aborts at the local deadline, and a late positive reply does not restore the lock', async () => {
    const locks = await proxied({ commandTimeout: 10_000 });
    const seen = renewals();
    const since = performance.now();
    const lock = await locks.service.acquire('k', { ttl: 600 });
    proxy.holdReplies();
    const lostAfter = await aborted(lock, since);
    expect(lostAfter).toBeLessThan(900);
    expect(lostAfter).toBeGreaterThan(580);
    expect(seen.count).toBe(1);
    // On the server the lease was renewed, and then released.
    proxy.release();
    expect(await lock.release()).toBe(false);
    expect(lock.held).toBe(false);
    await eventually(async () => expect(await client.exists('lock:k')).toBe(0));
  });

  it('given the missing reply is the confirmation of a hand-off, then the hold ends with the offer, and the key is released', async () => {
    const locks = await proxied({ commandTimeout: 10_000 });
    // The proxy holds the replies to commands. Hand-offs come by another connection.
    const duplicate = locks.client.duplicate.bind(locks.client);
    const straight = (options: object): Redis => duplicate({ ...options, port: server.port });
    Object.assign(locks.client, { duplicate: straight });
    const held = await other.service.acquire('k');
    const waiting = locks.service.acquire('k');
    await eventually(async () => expect(await client.zcard('lock:~nl:q:k')).toBe(1));
    // The reply "queued" must have arrived before replies are held.
    await locks.client.ping();
    const since = performance.now();
    proxy.holdReplies();
    await held.release();
    const lock = await waiting;
    expect(lock.held).toBe(true);
    await aborted(lock, since);
    // The confirmation was requested before the hand-off. The second of the offer counts from then.
    expect(performance.now() - since).toBeLessThan(1_200);
    const next = other.service.acquire('k');
    proxy.release();
    expect(await lock.release()).toBe(false);
    await (await next).release();
  });
});

describe('given work under a lock that is lost', () => {
  it('then using() waits for the end of the work, and rejects with the error of the work as the cause', async () => {
    const locks = await proxied({ commandTimeout: 300 });
    const mine = new Error('mine');
    const steps: string[] = [];
    const run = locks.service.using('k', { ttl: 300 }, async (lock) => {
      proxy.holdReplies();
      await aborted(lock, 0);
      steps.push('aborted');
      await pause(50);
      steps.push('settled');
      throw mine;
    });
    const error = await run.catch((reason: unknown) => (steps.push('rejected'), reason));
    expect(steps).toEqual(['aborted', 'settled', 'rejected']);
    expect(error).toMatchObject({ code: 'LOCK_LOST', key: 'k', reason: 'expired', cause: mine });
    expect((error as { held: number }).held).toBeGreaterThan(250);
  });

  it('peers: then using() rejects even if the work succeeds', async () => {
    const locks = await proxied({ commandTimeout: 300 });
    const run = locks.service.using('k', { ttl: 300 }, async (lock) => {
      proxy.holdReplies();
      await aborted(lock, 0);
      return 'result';
    });
    await expect(run).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'expired' });
    await expect(run).rejects.not.toHaveProperty('cause');
    expect(locks.events.map(({ name }) => name)).toContain('lost');
  });
});

describe('given another client that changes the key', () => {
  it.each([
    ['deleted', () => client.del('lock:k')],
    ['overwritten', () => client.set('lock:k', 'somebody')],
    ['overwritten with a list', async () => (await client.del('lock:k'), client.rpush('lock:k', 'x'))],
  ])(
    'given the key is %s, then the next renewal finds the loss, and the present value is not changed',
    async (name, meddle) => {
      const locks = await proxied();
      const lock = await locks.service.acquire('k', { ttl: 1_500 });
      const since = performance.now();
      const loss = aborted(lock, since);
      await meddle();
      const before = await client.dump('lock:k');
      expect(await loss).toBeLessThan(900);
      expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', key: 'k', reason: 'not-owner' });
      expect(lock.held).toBe(false);
      expect(await lock.release()).toBe(false);
      expect(await client.dump('lock:k')).toEqual(before);
      expect(locks.events.map((event) => event.name)).toEqual(
        name === 'overwritten with a list' ? expect.arrayContaining(['lost']) : ['lost'],
      );
    },
  );

  it('then extend() finds the loss at once', async () => {
    const lock = await other.service.acquire('k');
    await client.set('lock:k', 'somebody');
    await expect(lock.extend()).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'not-owner' });
    expect(lock.signal.aborted).toBe(true);
    await client.del('lock:k');
  });
});

describe('given the timer of renewals', () => {
  it.each([
    [1_000, 5, 7],
    [300, 10, 24],
  ])('peers: then a renewal is sent after each third of the ttl (ttl %p ms)', async (ttl, least, most) => {
    const locks = await proxied();
    const lock = await locks.service.acquire('k', { ttl });
    const seen = renewals();
    await pause(2_000);
    expect(lock.held).toBe(true);
    expect(seen.count).toBeGreaterThanOrEqual(least);
    expect(seen.count).toBeLessThanOrEqual(most);
    await lock.release();
  });

  it('peers: then a renewal that was under way at the release sets no timer', async () => {
    const locks = await proxied();
    const seen = renewals();
    const lock = await locks.service.acquire('k', { ttl: 300 });
    proxy.holdReplies();
    await eventuallyTrue(() => seen.count === 1);
    const released = lock.release();
    proxy.release();
    expect(await released).toBe(true);
    await pause(350);
    expect(seen.count).toBe(1);
    expect(await client.exists('lock:k')).toBe(0);
  });

  it('peers: then a process ends although a renewal was under way at the release', async () => {
    await child.call('open', proxy.url, { commandTimeout: 400 });
    const seen = renewals();
    await child.call('request', 'k', { ttl: 900 });
    await child.call('acquired', 'k');
    proxy.holdReplies();
    await eventuallyTrue(() => seen.count > 0);
    const since = performance.now();
    expect(await child.call('finish', 'k')).toBe(false);
    expect(await child.exited).toBe(0);
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(child.output).toBe('');
  });
});

describe('given the wall clock of the machine', () => {
  it('given it is set forward, then held is false at once, and the signal aborts at the next renewal', async () => {
    const { clock, engine } = core();
    const service = new LockService(engine, resolvePolicy());
    let during: Lock | undefined;
    const run = service.using('k', async (lock) => {
      during = lock;
      await new Promise((resolve) => lock.signal.addEventListener('abort', resolve));
    });
    const outcome = run.catch((error: unknown) => error);
    await settle();
    expect(during?.held).toBe(true);
    clock.jumpWall(30_001);
    expect(during?.held).toBe(false);
    expect(() => during?.assertHeld()).toThrow(/was lost after/);
    await clock.advance(10_001);
    expect(await outcome).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' });
  });

  it('given it is set back, then a lease neither ends nor lasts longer', async () => {
    const { clock, engine } = core();
    const service = new LockService(engine, resolvePolicy());
    const lock = await service.acquire('k', { renew: false });
    clock.jumpWall(-3_600_000);
    await clock.advance(29_000);
    expect(lock.held).toBe(true);
    await clock.advance(1_001);
    expect(lock.held).toBe(false);
    expect(await lock.release()).toBe(false);
  });
});
