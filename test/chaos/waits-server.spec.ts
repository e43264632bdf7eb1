/**
 * Nobody who waits is forgotten when the server forgets, or when a client that knows nothing of queues takes or deletes the
 * key. Each name says how long the others wait at the most, and why; `docs/protocol.md` has all of it in a table.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { splitLocks } from '../support/split-locks.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { LOADED, check, timed } from '../support/waits.js';

const LONG = { ttl: '60s', wait: '60s' } as const;
const COMMAND_TIMEOUT = 300;

let server: RedisServer;
let client: Redis;
let queue: QueueView;
let proxy: TcpProxy;
/** Three processes, straight on the server. */
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

/** Closed after the test. */
function on(target: { readonly url: string }, options?: LocksOptions): Locks {
  return opening(locksOn(target, options));
}

function opening(locks: Locks): Locks {
  opened.push(locks);
  return locks;
}

describe('a server', () => {
  it('restarted empty: the reconnection, after which whoever waits requests again at once', async () => {
    const held = await holder.service.acquire('k', LONG);
    await queue.crowd(10);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(11);
    const second = behind.service.acquire('k', LONG);
    await queue.holds(12);
    await server.restart();
    // Looks come every ten seconds, and the former holder would have had the key for a minute.
    const { value, waited } = await timed(Promise.race([first, second]));
    expect(waited).toBeLessThan(1_000 + LOADED);
    expect(value.fence).toBeGreaterThan(held.fence);
    expect(await value.release()).toBe(true);
    for (const each of [first, second]) await (await each).release();
    expect(await held.release()).toBe(false);
    await queue.nothingLeft();
  });

  it('that forgets the scripts: nothing, as a script it does not know is sent to it in full', async () => {
    const locks = opening(splitLocks({ commands: server, handOffs: proxy }));
    const held = await holder.service.acquire('k', LONG);
    const first = locks.service.acquire('k', LONG);
    await queue.holds(1);
    const [next] = await queue.tokens();
    proxy.holdReplies();
    await client.script('FLUSH');
    expect(await held.release()).toBe(true);
    expect(await queue.holder()).toBe(next);
    // Once more, between the hand-off and its confirmation.
    await client.script('FLUSH');
    proxy.release();
    const lock = await first;
    await eventuallyTrue(async () => (await queue.left()) > 30_000);
    expect(lock.token).toBe(next);
    expect(await lock.release()).toBe(true);
    await queue.nothingLeft();
  });
});

describe('a queue of the dead', () => {
  it('uses up a fence for each, as a replica may pass on what reached nobody here', async () => {
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

  it('longer than one script skips: whoever does not wait is not served before a living one behind them', async () => {
    const held = await holder.service.acquire('k', LONG);
    await queue.crowd(150);
    const waiting = waiter.service.acquire('k', LONG);
    await queue.holds(151);
    await client.del('lock:k');
    expect(await behind.service.tryAcquire('k')).toBeNull();
    // The rest of the dead are skipped by now, and the living one has the key.
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

describe('a foreign client', () => {
  const take = (px: number): Promise<unknown> => client.set('lock:k', 'foreign', 'PX', px, 'NX');
  const drop = (): Promise<unknown> => client.del('lock:k');

  /** How many scripts have run: while nothing else goes on, how often somebody checked. */
  async function scripts(): Promise<number> {
    const stats = await client.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }

  it('takes the key that we release: its hold and 60 ms, as the first in the queue checks that often', async () => {
    const held = await holder.service.acquire('k', LONG);
    expect(await held.release()).toBe(true);
    expect(await take(60_000)).toBe('OK');
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(1);
    const second = behind.service.acquire('k', LONG);
    await queue.holds(2);
    const before = await scripts();
    // Two in the queue would come to ten checks in ten seconds otherwise.
    await eventuallyTrue(async () => (await scripts()) > before + 30, { within: 10_000 });
    await drop();
    const { value, waited } = await timed(first);
    expect(waited).toBeLessThan(60 + LOADED);
    await value.release();
    await (await second).release();
    await queue.nothingLeft();
  });

  it("deletes our holder's key: one check, as whoever checks finds the key free", async () => {
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

  it("deletes our holder's key and takes it: its hold and one check, and nobody of ours runs beside it", async () => {
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

describe('the release of a holder', () => {
  it('whose reply is lost: nothing, as the script has handed the key over', async () => {
    const locks = on(proxy, { commandTimeout: COMMAND_TIMEOUT });
    const held = await locks.service.acquire('k', LONG);
    await queue.crowd(10);
    const first = waiter.service.acquire('k', LONG);
    await queue.holds(11);
    proxy.dropReplies();
    const released = held.release();
    const { value, waited } = await timed(first);
    expect(waited).toBeLessThan(LOADED);
    expect(await released).toBe(true);
    // It is released again, which must not take the key from the one who has it by now.
    proxy.cut();
    proxy.release();
    await eventuallyTrue(() => locks.client.status === 'ready');
    await locks.client.ping();
    await value.extend();
    expect(await value.release()).toBe(true);
    await queue.nothingLeft();
  });

  it('which is lost itself: until the connection is back, and no longer than its lease, as it is sent again', async () => {
    // By us: the client does not send again.
    const redis = { autoResendUnfulfilledCommands: false };
    const locks = on(proxy, { commandTimeout: COMMAND_TIMEOUT, redis });
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
