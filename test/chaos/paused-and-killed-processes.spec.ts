/** Processes that are paused or killed while they hold a key or wait for it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Child, startChild } from '../support/child-process.js';
import { eventually } from '../support/eventually.js';
import { faultScene } from '../support/fault-scene.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';

const scene = faultScene();

let children: Child<LocksHandlers>[] = [];

beforeAll(async () => {
  const worker = new URL('../support/workers/locks.worker.ts', import.meta.url);
  // The workers start before the tests. During three starts, a time-out of a test would pass before a reply is read.
  children = await Promise.all(
    [1, 2, 3].map(async () => {
      const started = await startChild<LocksHandlers>(worker);
      await started.call('open', scene.server.url);
      return started;
    }),
  );
}, 60_000);
afterAll(() => Promise.all(children.map((child) => child.kill())));

describe('given a process that is paused or killed', () => {
  it('given it is paused as the first waiter, then the others wait for the offer and a check, and it does not run on the lost offer', async () => {
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    const paused = children[0];
    await paused.call('request', 'k', { wait: '60s', ttl: '60s' });
    await scene.queued(1);
    const next = scene.third.service.acquire('k', { wait: '30s' });
    await scene.queued(2);
    paused.pause();
    const since = performance.now();
    await held.release();
    const lock = await next;
    const waited = performance.now() - since;
    expect(waited).toBeGreaterThan(900);
    expect(waited).toBeLessThan(4_000);
    const resumed = paused.call('acquired', 'k');
    paused.resume();
    // The process sends a new request, behind `lock`, and does not run beside it.
    await scene.queued(1);
    expect(await scene.client.get('lock:k')).toBe(lock.token);
    expect(await lock.release()).toBe(true);
    const { fence, token } = await resumed;
    expect(fence).toBeGreaterThan(lock.fence);
    expect(await scene.client.get('lock:k')).toBe(token);
    expect(await paused.call('release', 'k')).toBe(true);
    await scene.nothingLeft();
  });

  it('given it is killed as the holder, then the waiters wait for the rest of its ttl and a check', async () => {
    const killed = children[1];
    await killed.call('request', 'k', { ttl: 1_000 });
    const { fence } = await killed.call('acquired', 'k');
    const waiting = [scene.other.service.acquire('k'), scene.third.service.acquire('k')];
    await scene.queued(2);
    await killed.kill();
    const since = performance.now();
    const lock = await Promise.race(waiting);
    expect(performance.now() - since).toBeLessThan(2_500);
    expect(lock.fence).toBeGreaterThan(fence);
    await Promise.all(waiting.map(async (each) => (await each).release()));
    await scene.nothingLeft();
  });

  it('given it is killed as a waiter, then it is skipped', async () => {
    const held = await scene.other.service.acquire('k');
    const killed = children[2];
    await killed.call('request', 'k', { wait: '60s' });
    await scene.queued(1);
    const session = (await scene.client.zrange('lock:~nl:q:k', '0', '0'))[0]?.split(':')[1];
    const next = scene.third.service.acquire('k');
    await scene.queued(2);
    await killed.kill();
    await eventually(async () => {
      expect(await scene.client.call('PUBSUB', 'NUMSUB', `lock:~nl:w:${session}`)).toEqual([
        expect.anything(),
        0,
      ]);
    });
    const since = performance.now();
    await held.release();
    const lock = await next;
    expect(performance.now() - since).toBeLessThan(500);
    await lock.release();
    await scene.nothingLeft();
  });

  it('peers: given it is paused beyond its lease, then it knows of the loss at once, and changes nothing', async () => {
    const paused = children[0];
    await paused.call('request', 'k', { ttl: 500 });
    const { fence } = await paused.call('acquired', 'k');
    expect(await paused.call('state', 'k')).toMatchObject({ held: true, aborted: false });
    paused.pause();
    const lock = await scene.other.service.acquire('k');
    expect(lock.fence).toBeGreaterThan(fence);
    const state = paused.call('state', 'k');
    const released = paused.call('release', 'k');
    paused.resume();
    expect(await state).toMatchObject({ held: false, remaining: 0 });
    expect(await released).toBe(false);
    expect((await paused.call('state', 'k')).aborted).toBe(true);
    expect(await scene.client.get('lock:k')).toBe(lock.token);
    expect(await lock.release()).toBe(true);
    await scene.nothingLeft();
  });
});
