/**
 * Readers and permits under faults. Each title says how long the others wait at the most, and why. `docs/kinds.md` has
 * the same figures in a table.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { AcquireOptions } from '../../lib/core/options/acquire.options.js';
import type { Lock } from '../../lib/core/contracts/lock.js';
import { eventuallyTrue } from '../support/eventually.js';
import { type HoldersView, holdersOf } from '../support/holders.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type SplitLocks, splitLocks } from '../support/split-locks.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { check, connected, LOADED, timed } from '../support/waits.js';

const LONG = { ttl: '60s', wait: '60s' } as const;
/** The kind of the holder and the kind of the waiter. */
const KINDS: readonly (readonly [string, { before: AcquireOptions; after: AcquireOptions }])[] = [
  ['a reader behind a writer', { before: LONG, after: { ...LONG, mode: 'shared' } }],
  ['a writer behind a reader', { before: { ...LONG, mode: 'shared' }, after: LONG }],
  ['a permit behind another', { before: { ...LONG, limit: 1 }, after: { ...LONG, limit: 1 } }],
];
const COMMAND_TIMEOUT = 300;

let server: RedisServer;
let client: Redis;
let queue: QueueView;
let view: HoldersView;
let proxy: TcpProxy;
const opened: Locks[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  queue = queueOf(client);
  view = holdersOf(client);
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  proxy = await startProxy(server);
});
afterEach(async () => {
  proxy.release();
  proxy.accept();
  await Promise.all(opened.splice(0).map((each) => each.close()));
  await proxy.stop();
});

function on(target: { readonly url: string }, options?: LocksOptions): Locks {
  return opening(locksOn(target, options));
}

/** These locks are closed after the test. */
function opening<L extends Locks>(locks: L): L {
  opened.push(locks);
  return locks;
}

/** Locks with a proxy for their hand-offs. Their commands do not pass the proxy. */
const handOffsProxied = (): SplitLocks => opening(splitLocks({ commands: server, handOffs: proxy }));

const nothingLeft = (): Promise<void> =>
  eventuallyTrue(async () => (await client.exists(view.lock, view.queue, view.holders)) === 0);

describe.each(KINDS)('given %s', (_, { before, after }) => {
  const acquire = (locks: Locks, options: AcquireOptions): Promise<Lock> =>
    locks.service.acquire('k', options);

  it('given the message of the hand-off is lost, then the waiter waits for one check, which finds the offer', async () => {
    const [holder, waiter] = [on(server), handOffsProxied()];
    const held = await acquire(holder, before);
    const waiting = acquire(waiter, after);
    await queue.holds(1);
    const lost = proxy.waitFor((chunk) => chunk.includes('lock:~nl:w:'));
    proxy.dropReplies();
    expect(await held.release()).toBe(true);
    const served = timed(waiting);
    await lost;
    proxy.release();
    const { value, waited } = await served;
    expect(waited).toBeLessThan(check(1) + LOADED);
    expect(value.fence).toBeGreaterThan(held.fence);
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });

  it('given the subscription is cut, then the waiter waits for the reconnection, and then checks at once', async () => {
    const [holder, waiter] = [on(server), handOffsProxied()];
    const held = await acquire(holder, before);
    await queue.crowd(10);
    const waiting = acquire(waiter, after);
    await queue.holds(11);
    const [own = ''] = (await queue.tokens()).slice(-1);
    proxy.refuse();
    proxy.cut();
    await queue.deaf(own);
    expect(await held.release()).toBe(true);
    // Without the reconnection, the next check would come within twelve seconds.
    const served = timed(waiting);
    proxy.accept();
    const { value, waited } = await served;
    expect(waited).toBeLessThan(1_000 + LOADED);
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });

  it('given the server forgets the scripts, then the waiter waits no longer: an unknown script is sent in full', async () => {
    const [holder, waiter] = [on(server), on(server)];
    const held = await acquire(holder, before);
    const waiting = acquire(waiter, after);
    await queue.holds(1);
    await client.script('FLUSH');
    const served = timed(waiting);
    expect(await held.release()).toBe(true);
    const { value, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    await client.script('FLUSH');
    await value.extend();
    await client.script('FLUSH');
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });

  it('given the server forgets all data, then the waiter waits for one check, and the holder sees the loss at its next renewal', async () => {
    const [holder, waiter] = [on(server), on(server)];
    const held = await acquire(holder, { ...before, ttl: 3_000 });
    const waiting = acquire(waiter, after);
    await queue.holds(1);
    await client.flushall();
    const { value, waited } = await timed(waiting);
    expect(waited).toBeLessThan(check(1) + LOADED);
    expect(value.fence).toBeGreaterThan(held.fence);
    await eventuallyTrue(() => held.signal.aborted && !held.held);
    expect(await held.release()).toBe(false);
    expect(value.held).toBe(true);
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });

  it('given the reply to the release is lost, then the waiter waits no longer, because the release has run', async () => {
    const holder = on(proxy, { commandTimeout: COMMAND_TIMEOUT });
    await connected(holder);
    const waiter = on(server);
    const held = await acquire(holder, before);
    await held.extend();
    const waiting = acquire(waiter, after);
    await queue.holds(1);
    proxy.dropReplies();
    const served = timed(waiting);
    const released = held.release();
    const { value, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    // The lease had not ended, so no other caller had the key.
    expect(await released).toBe(true);
    proxy.release();
    // The session does not know whether the release has run, and sends it again. This second release changes nothing.
    await holder.client.ping();
    await value.extend();
    expect(value.held).toBe(true);
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });

  it('given the release never arrives, then the waiter waits for the time-out of a command, after which the release is sent again', async () => {
    const holder = on(proxy, { commandTimeout: COMMAND_TIMEOUT });
    await connected(holder);
    const waiter = on(server);
    const held = await acquire(holder, before);
    await held.extend();
    const waiting = acquire(waiter, after);
    await queue.holds(1);
    proxy.dropRequests();
    const served = timed(waiting);
    expect(await held.release()).toBe(true);
    proxy.release();
    proxy.cut();
    const { value, waited } = await served;
    expect(waited).toBeLessThan(COMMAND_TIMEOUT + 1_000 + LOADED);
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });
});

describe('given several readers under one lease', () => {
  it('given renewals fail for longer than the ttl, then each reader sees the loss, and the writer waits for the rest of the lease and a check', async () => {
    const [readers, writer] = [on(proxy, { commandTimeout: COMMAND_TIMEOUT }), on(server)];
    await connected(readers);
    const first = await writer.service.acquire('k', LONG);
    const waiting = Array.from({ length: 5 }, () =>
      readers.service.acquire('k', { mode: 'shared', ttl: 1_500, wait: '60s' }),
    );
    await queue.holds(1);
    await first.release();
    const locks = await Promise.all(waiting);
    expect(new Set(locks.map(({ token }) => token)).size).toBe(1);
    const next = writer.service.acquire('k', LONG);
    await queue.holds(1);
    proxy.dropRequests();
    const { value, waited } = await timed(next);
    expect(waited).toBeLessThan(1_500 + check(1) + LOADED);
    await eventuallyTrue(() => locks.every(({ signal }) => signal.aborted));
    proxy.release();
    proxy.cut();
    expect(await Promise.all(locks.map((lock) => lock.release()))).toEqual(locks.map(() => false));
    expect(value.held).toBe(true);
    expect(await value.release()).toBe(true);
    await nothingLeft();
  });
});
