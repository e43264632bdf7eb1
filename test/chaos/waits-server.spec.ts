/**
 * Each waiter is served, even if the server forgets data, or if a foreign client without a queue takes or deletes the
 * key. Each title says how long the others wait at the most, and why. `docs/protocol.md` has the same figures in a
 * table.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { splitLocks } from '../support/split-locks.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { check, connected, LOADED, timed } from '../support/waits.js';

const LONG = { ttl: '60s', wait: '60s' } as const;
const COMMAND_TIMEOUT = 300;

let server: RedisServer;
let client: Redis;
let queue: QueueView;
let proxy: TcpProxy;
/** Three engines on undisturbed connections. */
let holder: Locks;
let waiter: Locks;
let behind: Locks;
const opened: Locks[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  queue = queueOf(client);
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  proxy = await startProxy(server);
  [holder, waiter, behind] = [on(server), on(server), on(server)];
});
afterEach(async () => {
  proxy.release();
  await Promise.all(opened.splice(0).map((each) => each.close()));
  await proxy.stop();
});

/** These locks are closed after the test. */
function on(target: { readonly url: string }, options?: LocksOptions): Locks {
  return opening(locksOn(target, options));
}

function opening(locks: Locks): Locks {
  opened.push(locks);
  return locks;
}

describe('given a server that forgets', () => {
  it('given it restarts empty, then the waiters wait for the reconnection, and then send requests at once', async () => {
    const held = await holder.service.acquire('k', LONG);
    await queue.crowd(10);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(11);
    const second = behind.service.acquire('k', LONG);
    await queue.holds(12);
    await server.restart();
    // Checks come every ten seconds, and the lease of the former holder would have lasted a minute.
    const { value, waited } = await timed(Promise.race([first, second]));
    expect(waited).toBeLessThan(1_000 + LOADED);
    expect(value.fence).toBeGreaterThan(held.fence);
    expect(await value.release()).toBe(true);
    for (const each of [first, second]) await (await each).release();
    expect(await held.release()).toBe(false);
    await queue.nothingLeft();
  });

  it('given it forgets the scripts, then the waiters wait no longer: an unknown script is sent in full', async () => {
    const locks = opening(splitLocks({ commands: server, handOffs: proxy }));
    const held = await holder.service.acquire('k', LONG);
    const first = locks.service.acquire('k', LONG);
    await queue.holds(1);
    const [next] = await queue.tokens();
    proxy.holdReplies();
    await client.script('FLUSH');
    expect(await held.release()).toBe(true);
    expect(await queue.holder()).toBe(next);
    // The server forgets them again between the hand-off and its confirmation.
    await client.script('FLUSH');
    proxy.release();
    const lock = await first;
    await eventuallyTrue(async () => (await queue.left()) > 30_000);
    expect(lock.token).toBe(next);
    expect(await lock.release()).toBe(true);
    await queue.nothingLeft();
  });
});

describe('given a queue of dead waiters', () => {
  it('then each of them uses up a fence, for a replica may pass on a message that reached no subscriber here', async () => {
    const held = await holder.service.acquire('k', LONG);
    await queue.crowd(3);
    const waiting = waiter.service.acquire('k', LONG);
    await queue.holds(4);
    const monitor = await client.monitor();
    const fences: number[] = [];
    monitor.on('monitor', (_time: string, [command = '', , message = '']: string[]) => {
      if (command.toUpperCase() === 'PUBLISH') fences.push(Number(message.split(' ')[0]));
    });
    await held.release();
    const lock = await waiting;
    await eventuallyTrue(() => fences.length === 4);
    monitor.disconnect();
    expect(fences).toEqual([...new Set(fences)].sort());
    expect(fences[0]).toBeGreaterThan(held.fence);
    expect(lock.fence).toBe(fences[3]);
    await lock.release();
  });

  it('given more of them than one script skips, then tryAcquire is not served before a living waiter behind them', async () => {
    const held = await holder.service.acquire('k', LONG);
    await queue.crowd(150);
    const waiting = waiter.service.acquire('k', LONG);
    await queue.holds(151);
    await client.del('lock:k');
    expect(await behind.service.tryAcquire('k')).toBeNull();
    // The other dead waiters are skipped by now, and the living waiter has the key.
    expect(await behind.service.tryAcquire('k')).toBeNull();
    const lock = await waiting;
    expect(await held.release()).toBe(false);
    await lock.release();
    await queue.crowd(150);
    expect(await behind.service.tryAcquire('k')).toBeNull();
    const free = await behind.service.tryAcquire('k');
    expect(free).not.toBeNull();
    await free?.release();
    await queue.nothingLeft();
  });
});

describe('given a foreign client', () => {
  const take = (px: number): Promise<unknown> => client.set('lock:k', 'foreign', 'PX', px, 'NX');
  const drop = (): Promise<unknown> => client.del('lock:k');

  /** How many scripts have run. While nothing else happens, this is the number of checks. */
  async function scripts(): Promise<number> {
    const stats = await client.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }

  it('given it takes the released key, then the first waiter waits for its hold and 60 ms, the time between two checks', async () => {
    const held = await holder.service.acquire('k', LONG);
    expect(await held.release()).toBe(true);
    expect(await take(60_000)).toBe('OK');
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(1);
    const second = behind.service.acquire('k', LONG);
    await queue.holds(2);
    const before = await scripts();
    // Without the faster checks, two waiters would send ten checks in ten seconds.
    await eventuallyTrue(async () => (await scripts()) > before + 30, { within: 10_000 });
    await drop();
    const { value, waited } = await timed(first);
    expect(waited).toBeLessThan(60 + LOADED);
    await value.release();
    await (await second).release();
    await queue.nothingLeft();
  });

  it('given it deletes the key of the holder, then the waiter waits for one check, which finds the free key', async () => {
    const held = await holder.service.acquire('k', LONG);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(1);
    const [next] = await queue.tokens();
    await drop();
    const { value, waited } = await timed(first);
    expect(waited).toBeLessThan(check(1) + LOADED);
    expect(value.token).toBe(next);
    expect(value.fence).toBeGreaterThan(held.fence);
    expect(await held.release()).toBe(false);
    expect(await queue.holder()).toBe(next);
    expect(await value.release()).toBe(true);
    await queue.nothingLeft();
  });

  it('given it deletes and takes the key of the holder, then the waiter waits for its hold and one check, and does not run beside it', async () => {
    const held = await holder.service.acquire('k', LONG);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(1);
    await client.multi().del('lock:k').set('lock:k', 'foreign', 'PX', 2_000, 'NX').exec();
    const rest = await queue.left();
    const { value, waited } = await timed(first);
    expect(waited).toBeGreaterThan(rest - 10);
    expect(waited).toBeLessThan(2_000 + check(1) + LOADED);
    expect(await held.release()).toBe(false);
    expect(await queue.holder()).toBe(value.token);
    expect(await value.release()).toBe(true);
    await queue.nothingLeft();
  });
});

describe('given the release of a holder', () => {
  it('given its reply is lost, then the waiter waits no longer, because the script has done the hand-off', async () => {
    const locks = on(proxy, { commandTimeout: COMMAND_TIMEOUT });
    await connected(locks);
    const held = await locks.service.acquire('k', LONG);
    await queue.crowd(10);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(11);
    proxy.dropReplies();
    const released = held.release();
    const { value, waited } = await timed(first);
    expect(waited).toBeLessThan(LOADED);
    expect(await released).toBe(true);
    // The release is sent again, and must not take the key from its present holder.
    proxy.cut();
    proxy.release();
    await eventuallyTrue(() => locks.client.status === 'ready');
    await locks.client.ping();
    await value.extend();
    expect(await value.release()).toBe(true);
    await queue.nothingLeft();
  });

  it('given it is lost itself, then the waiter waits for the reconnection, after which it is sent again', async () => {
    // The store sends the release again. The client does not send commands again.
    const redis = { autoResendUnfulfilledCommands: false };
    const locks = on(proxy, { commandTimeout: COMMAND_TIMEOUT, redis });
    await connected(locks);
    const held = await locks.service.acquire('k', LONG);
    await queue.crowd(10);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(11);
    proxy.dropRequests();
    expect(await held.release()).toBe(true);
    expect(await queue.holder()).toBe(held.token);
    proxy.cut();
    proxy.release();
    const { value, waited } = await timed(first);
    expect(waited).toBeLessThan(1_000 + LOADED);
    expect(await value.release()).toBe(true);
    await queue.nothingLeft();
  });
});
