/**
 * Nobody who waits is forgotten when another process dies or stops. Each name says how long the others wait at the most,
 * and why; `docs/protocol.md` has all of it in a table.
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
/** A new one for each test: what a worker still waits for after a test that failed disturbs no other. */
let key = 'k0';
let queue: QueueView;
/** Two processes in this one. */
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

/** Requests in a process, and resolves when `n` queue. Nobody releases before the test is over. */
async function requests(process: Worker, n: number): Promise<void> {
  await process.call('request', key, { wait: '60s', ttl: '60s' });
  await queue.holds(n);
}

describe('a holder', () => {
  it.each(['killed', 'paused'])(
    '%s: those who wait, wait for the rest of its lease and a fifth of a check, since nobody but a check notices',
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
        // It comes back, and nobody is disturbed.
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

describe('a waiter at the head of the queue', () => {
  it('killed: the next one does not wait for it, since the script that hands over skips it', async () => {
    const [gone, behind] = [worker('killed waiter'), worker('behind')];
    const held = await locks.service.acquire(key, { ttl: '60s' });
    await requests(gone, 1);
    await requests(behind, 2);
    const [dead = '', next] = await queue.tokens();
    await gone.kill();
    await queue.deaf(dead);
    expect(await held.release()).toBe(true);
    // By the script of the release: nothing else of the others' has run since.
    expect(await queue.holder()).toBe(next);
    expect((await behind.call('acquired', key)).token).toBe(next);
    await behind.call('release', key);
    await queue.nothingLeft();
  });

  it('dead, with 250 others: one check, as a script skips a hundred at the most, and those after it follow at once', async () => {
    const behind = worker('behind');
    const held = await locks.service.acquire(key, { ttl: '60s' });
    await queue.crowd(250);
    await requests(behind, 251);
    const own = (await queue.tokens()).at(-1);
    expect(await held.release()).toBe(true);
    expect(await queue.holder()).toBeNull();
    await queue.holds(151);
    // Its check would come within twelve seconds. It comes now, as its subscription is a new one.
    await client.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
    const { value, waited } = await timed(behind.call('acquired', key));
    expect(value.token).toBe(own);
    expect(waited).toBeLessThan(LOADED);
    await behind.call('release', key);
    await queue.nothingLeft();
  });

  it('paused: the next one waits for one check, in which its offer of a second ends, and not for the ttl', async () => {
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

    // It requests again when it goes on, and does not run on what it lost.
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
