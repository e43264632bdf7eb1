/**
 * Each waiter is served, even if a connection or a message is lost, and no grant stays with a caller that has left.
 * Each title says how long the others wait at the most, and why. `docs/protocol.md` has the same figures in a table.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { sessionIdOf } from '../../lib/core/contracts/token.js';
import { eventuallyTrue } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type SplitLocks, splitLocks } from '../support/split-locks.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { answered, check, connected, LOADED, timed } from '../support/waits.js';

const LONG = { ttl: '60s', wait: '60s' } as const;

let server: RedisServer;
let client: Redis;
let queue: QueueView;
/** In front of the server, for the connections that a test disturbs. */
let proxy: TcpProxy;
/** Two engines on undisturbed connections. */
let other: Locks;
let third: Locks;
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
  other = opening(locksOn(server));
  third = opening(locksOn(server));
});
afterEach(async () => {
  proxy.release();
  proxy.accept();
  await Promise.all(opened.splice(0).map((each) => each.close()));
  await proxy.stop();
});

/** These locks are closed after the test. */
function opening<L extends Locks>(locks: L): L {
  opened.push(locks);
  return locks;
}

/** Locks with a proxy for their hand-offs. Their commands do not pass the proxy. */
const handOffsProxied = (): SplitLocks => opening(splitLocks({ commands: server, handOffs: proxy }));

const isHandOff = (chunk: string): boolean => chunk.includes('lock:~nl:w:');

describe('given the message of a hand-off', () => {
  it('given it is lost, then the waiters wait for one check, which finds the offer or its end', async () => {
    const locks = handOffsProxied();
    const held = await other.service.acquire('k', LONG);
    const first = locks.service.acquire('k', LONG);
    await queue.holds(1);
    const second = third.service.acquire('k', LONG);
    await queue.holds(2);
    const lost = proxy.waitFor(isHandOff);
    proxy.dropReplies();
    expect(await held.release()).toBe(true);
    const served = timed(Promise.race([first, second]));
    await lost;
    proxy.release();
    expect((await served).waited).toBeLessThan(check(2) + LOADED);
    await Promise.all([first, second].map(async (each) => (await each).release()));
    await queue.nothingLeft();
  });

  it('given it is later than the end of the offer, then the waiters wait for one check, and the late message changes nothing', async () => {
    const locks = handOffsProxied();
    const held = await other.service.acquire('k', LONG);
    const first = locks.service.acquire('k', LONG);
    await queue.holds(1);
    const second = third.service.acquire('k', LONG);
    await queue.holds(2);
    await answered(locks);
    proxy.holdReplies();
    expect(await held.release()).toBe(true);
    const { value: lock, waited } = await timed(Promise.race([first, second]));
    expect(waited).toBeLessThan(check(2) + LOADED);
    expect(proxy.held).toBeGreaterThan(0);
    proxy.release();
    await locks.heard();
    await locks.client.ping();
    await lock.extend();
    expect(await lock.release()).toBe(true);
    for (const each of [first, second]) await (await each).release();
    await queue.nothingLeft();
  });

  it('given its caller cancels before it arrives, then the next waits no longer: the token is released without the message', async () => {
    for (const behind of [false, true]) {
      const locks = handOffsProxied();
      const abort = new AbortController();
      const held = await other.service.acquire('k', LONG);
      const call = locks.service.acquire('k', { ...LONG, signal: abort.signal });
      await queue.holds(1);
      const next = behind ? third.service.acquire('k', LONG) : undefined;
      await queue.holds(behind ? 2 : 1);
      const [own, following = null] = await queue.tokens();
      await answered(locks);
      proxy.holdReplies();
      expect(await held.release()).toBe(true);
      expect(await queue.holder()).toBe(own);
      abort.abort();
      await expect(call).rejects.toMatchObject({ code: 'LOCK_ABORTED' });
      // Commands that were sent before this one have run by now.
      await locks.client.ping();
      expect(await queue.holder()).toBe(following);

      const lock = await (next ?? third.service.acquire('k', LONG));
      expect(proxy.held).toBeGreaterThan(0);
      proxy.release();
      await locks.heard();
      await locks.client.ping();
      await lock.extend();
      expect(await lock.release()).toBe(true);
      await queue.nothingLeft();
    }
  });
});

describe('given a reply that grants', () => {
  it('given its caller cancels before it arrives, then the next waits no longer: the token is released behind the command', async () => {
    const locks = opening(locksOn(proxy));
    await (await locks.service.acquire('warm')).release();
    const abort = new AbortController();
    proxy.holdReplies();
    const call = locks.service.acquire('k', { ...LONG, signal: abort.signal });
    await eventuallyTrue(async () => (await queue.holder()) !== null);
    await queue.crowd(10);
    const waiting = other.service.acquire('k', LONG);
    await queue.holds(11);
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'LOCK_ABORTED' });
    // The replies are still held.
    const { value: lock, waited } = await timed(waiting);
    expect(waited).toBeLessThan(LOADED);
    proxy.release();
    await locks.client.ping();
    await lock.extend();
    expect(await lock.release()).toBe(true);
    await queue.nothingLeft();
  });
});

describe('given the subscription of a waiter that is killed', () => {
  it('given it does not come back, then the waiter waits for one check, with a request outside the queue', async () => {
    const locks = handOffsProxied();
    const held = await other.service.acquire('k', LONG);
    const waiting = locks.service.acquire('k', LONG);
    await queue.holds(1);
    const [own = ''] = await queue.tokens();
    proxy.refuse();
    await client.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
    await queue.deaf(own);
    expect(await held.release()).toBe(true);
    // No subscriber could get the message.
    expect(await queue.holder()).toBeNull();
    const { value, waited } = await timed(waiting);
    expect(waited).toBeLessThan(check(1) + LOADED);
    await value.release();
  });

  it('given it comes back after the hand-off, then the waiter waits for the reconnection, and then sends a request at once', async () => {
    const locks = handOffsProxied();
    const held = await other.service.acquire('k', LONG);
    await queue.crowd(10);
    const waiting = locks.service.acquire('k', LONG);
    await queue.holds(11);
    const own = (await queue.tokens()).at(-1) ?? '';
    proxy.refuse();
    await client.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
    await queue.deaf(own);
    expect(await held.release()).toBe(true);
    expect(await queue.holder()).toBeNull();
    proxy.accept();
    const { value, waited } = await timed(waiting);
    expect(waited).toBeLessThan(1_000 + LOADED);
    await value.release();
  });
});

describe('given the connections of the first waiter', () => {
  it('given they swallow all data, then the next waiter waits for one check, in which the offer of a second ends, and not for the ttl', async () => {
    const locks = opening(locksOn(proxy, { commandTimeout: 300 }));
    await connected(locks);
    const held = await other.service.acquire('k', LONG);
    const swallowed = locks.service.acquire('k', LONG);
    await queue.holds(1);
    const next = third.service.acquire('k', LONG);
    await queue.holds(2);
    const behind = opening(locksOn(server)).service.acquire('k', LONG);
    await queue.holds(3);
    const [slow = ''] = await queue.tokens();
    await answered(locks);
    proxy.dropReplies();
    proxy.dropRequests();
    expect(await held.release()).toBe(true);
    const served = timed(next);
    // The server still counts the subscriber.
    expect(await queue.holder()).toBe(slow);
    expect(await queue.left()).toBeLessThanOrEqual(1_000);
    const { value: lock, waited } = await served;
    expect(waited).toBeLessThan(check(3) + LOADED);

    // When its connection is back, the first waiter has its queueScore again, before the waiters that came later.
    proxy.refuse();
    proxy.cut();
    await queue.deaf(slow);
    proxy.release();
    proxy.accept();
    await queue.listens(slow);
    await queue.holds(2);
    expect(sessionIdOf((await queue.tokens())[0] ?? '')).toBe(sessionIdOf(slow));
    expect(await lock.release()).toBe(true);
    const late = await swallowed;
    expect(late.fence).toBeGreaterThan(lock.fence);
    await late.release();
    await (await behind).release();
    await queue.nothingLeft();
  });
});
