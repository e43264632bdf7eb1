/**
 * Each waiter is served, even if another process dies or stops. Each title says how long the others wait at the most,
 * and why. `docs/protocol.md` has the same figures in a table.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { type Child, startChild } from '../support/child-process.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { LOADED, check, timed } from '../support/waits.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';

type Worker = Child<LocksHandlers>;

let server: RedisServer;
let client: Redis;
/** Each test has its own key: if a test fails, a worker that still waits does not disturb the next test. */
let key = 'k0';
let queue: QueueView;
/** Two engines of this process. */
let locks: Locks;
let last: Locks;
const workers = new Map<string, Worker>();

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  const file = new URL('../support/workers/locks.worker.ts', import.meta.url);
  await Promise.all(
    ['killed holder', 'killed waiter', 'paused', 'behind'].map(async (name) => {
      const child = await startChild<LocksHandlers>(file);
      workers.set(name, child);
      await child.call('open', server.url);
    }),
  );
}, 60_000);
afterAll(async () => {
  await Promise.all([...workers.values()].map((each) => each.kill()));
  await server.stop();
});
beforeEach(() => {
  key = `k${Number(key.slice(1)) + 1}`;
  queue = queueOf(client, key);
  locks = locksOn(server);
  last = locksOn(server);
});
afterEach(() => Promise.all([locks.close(), last.close()]));

function worker(name: string): Worker {
  const started = workers.get(name);
  if (started === undefined) throw new Error(`There is no worker "${name}".`);
  return started;
}

/** Requests the key in a process, and resolves when `n` tokens wait. */
async function requests(process: Worker, n: number): Promise<void> {
  await process.call('request', key, { wait: '60s', ttl: '60s' });
  await queue.holds(n);
}

describe('given a holder that ends without a release', () => {
  it.each(['killed', 'paused'])(
    'given it is %s, then the waiters wait for the rest of its lease and a fifth of a check, which finds the free key',
    async (how) => {
      const [gone, behind] = [worker(how === 'killed' ? 'killed holder' : 'paused'), worker('behind')];
      await gone.call('request', key, { ttl: 1_500 });
      const { fence } = await gone.call('acquired', key);
      await requests(behind, 1);
      const third = locks.service.acquire(key, { wait: '60s' });
      await queue.holds(2);
      if (how === 'killed') await gone.kill();
      else gone.pause();
      const rest = await queue.left();
      const next = await timed(behind.call('acquired', key));
      expect(next.waited).toBeLessThan(rest + check(2) / 5 + LOADED);
      expect(next.value.fence).toBeGreaterThan(fence);
      if (how === 'paused') {
        // The process goes on, and changes nothing.
        gone.resume();
        expect(await gone.call('state', key)).toMatchObject({ held: false, remaining: 0 });
        expect(await gone.call('release', key)).toBe(false);
        expect(await queue.holder()).toBe(next.value.token);
      }
      expect(await behind.call('release', key)).toBe(true);
      await (await third).release();
      await queue.nothingLeft();
    },
  );
});

describe('given a first waiter that cannot use an offer', () => {
  it('given it is killed, then the next waiter waits no longer: the script of the hand-off skips it', async () => {
    const [gone, behind] = [worker('killed waiter'), worker('behind')];
    const held = await locks.service.acquire(key, { ttl: '60s' });
    await requests(gone, 1);
    await requests(behind, 2);
    const [dead = '', next] = await queue.tokens();
    await gone.kill();
    await queue.deaf(dead);
    expect(await held.release()).toBe(true);
    // The script of the release did the hand-off. No other command has run since.
    expect(await queue.holder()).toBe(next);
    expect((await behind.call('acquired', key)).token).toBe(next);
    await behind.call('release', key);
    await queue.nothingLeft();
  });

  it('given 250 dead waiters, then the living one waits for one check, because one script skips a hundred at the most', async () => {
    const behind = worker('behind');
    const held = await locks.service.acquire(key, { ttl: '60s' });
    await queue.crowd(250);
    await requests(behind, 251);
    const own = (await queue.tokens()).at(-1);
    expect(await held.release()).toBe(true);
    expect(await queue.holder()).toBeNull();
    await queue.holds(151);
    // The check would come within twelve seconds. A new subscription makes the process check at once.
    await client.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
    const { value, waited } = await timed(behind.call('acquired', key));
    expect(value.token).toBe(own);
    expect(waited).toBeLessThan(LOADED);
    await behind.call('release', key);
    await queue.nothingLeft();
  });

  it('given it is paused, then the next waiter waits for one check, in which the offer of a second ends, and not for the ttl', async () => {
    const [paused, behind] = [worker('paused'), worker('behind')];
    const held = await locks.service.acquire(key, { ttl: '60s' });
    await requests(paused, 1);
    await requests(behind, 2);
    const third = last.service.acquire(key, { wait: '60s' });
    await queue.holds(3);
    const [slow = ''] = await queue.tokens();
    paused.pause();
    expect(await held.release()).toBe(true);
    const next = timed(behind.call('acquired', key));
    expect(await queue.holder()).toBe(slow);
    expect(await queue.left()).toBeLessThanOrEqual(1_000);
    const { value, waited } = await next;
    expect(waited).toBeLessThan(check(3) + LOADED);

    // When the process goes on, it sends a new request. It does not run on the offer that it lost.
    const resumed = paused.call('acquired', key);
    const thirdServed = third.then((lock) => lock.release());
    paused.resume();
    await queue.holds(2);
    expect(await queue.holder()).toBe(value.token);
    await behind.call('release', key);
    expect((await resumed).fence).toBeGreaterThan(value.fence);
    expect((await resumed).token).not.toBe(slow);
    await paused.call('release', key);
    expect(await thirdServed).toBe(true);
    await queue.nothingLeft();
  });
});
