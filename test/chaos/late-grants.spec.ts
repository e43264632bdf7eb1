/** Grants and hand-offs that are lost, or that arrive after their caller has left. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { faultScene, outcome } from '../support/fault-scene.js';
import { locksOn } from '../support/locks.js';

const scene = faultScene();

describe('given a grant that arrives after its caller left', () => {
  it.each([
    ['wait: 0', 0],
    ['waiting', 10_000],
  ])('given the caller aborted, then the lease is released (%s)', async (_name, wait) => {
    const abort = new AbortController();
    scene.proxy.holdReplies();
    const call = outcome(scene.locks.service.acquire('k', { wait, signal: abort.signal }));
    await scene.taken();
    abort.abort();
    expect(await call).toMatchObject({ code: 'LOCK_ABORTED' });
    scene.proxy.release();
    await scene.nothingLeft();
    await scene.staysFree();
  });

  it('given the caller reached its deadline, then the lease is released', async () => {
    const patient = await scene.proxied({ commandTimeout: 5_000 });
    scene.proxy.holdReplies();
    const call = outcome(patient.service.acquire('k', { wait: 50 }));
    await scene.taken();
    expect(await call).toMatchObject({ code: 'LOCK_STORE' });
    scene.proxy.release();
    await scene.nothingLeft();
    await patient.close();
  });

  it('given a hand-off, and its caller aborted, then the next waiter gets the key', async () => {
    const held = await scene.other.service.acquire('k');
    const abort = new AbortController();
    const patient = await scene.proxied({ commandTimeout: 5_000 });
    const call = outcome(patient.service.acquire('k', { signal: abort.signal }));
    await scene.queued(1);
    const next = scene.third.service.acquire('k');
    await scene.queued(2);
    scene.proxy.holdReplies();
    await held.release();
    await scene.queued(1);
    abort.abort();
    expect(await call).toMatchObject({ code: 'LOCK_ABORTED' });
    const since = performance.now();
    scene.proxy.release();
    const lock = await next;
    expect(performance.now() - since).toBeLessThan(500);
    await lock.release();
    await scene.nothingLeft();
    await patient.close();
  });

  it('given a hand-off during a check with a lost reply, then the hold that starts on it keeps its key', async () => {
    const frail = await scene.proxied({ commandTimeout: 600 });
    // Hand-offs come by another connection, and thus before the replies that the proxy holds.
    const duplicate = frail.client.duplicate.bind(frail.client);
    const straight = (options: object): RedisLike => duplicate({ ...options, port: scene.server.port });
    Object.assign(frail.client, { duplicate: straight });
    const held = await scene.other.service.acquire('k');
    const waiting = frail.service.acquire('k', { wait: 20_000 });
    await new Promise<void>((resolve) => {
      const unwatch = scene.proxy.watch((chunk, direction) => {
        if (direction !== 'request' || !chunk.includes('\r\ncheck\r\n')) return;
        scene.proxy.holdReplies();
        unwatch();
        resolve();
      });
    });
    const checked = performance.now();
    await eventuallyTrue(() => performance.now() - checked > 300);
    await held.release();
    await eventuallyTrue(() => frail.events.some(({ name }) => name === 'store-error'));
    scene.proxy.release();
    const lock = await waiting;
    const end = performance.now() + 1_000;
    for (; performance.now() < end; await pause(5)) {
      expect(await scene.client.get('lock:k')).toBe(lock.token);
      expect(lock.held).toBe(true);
    }
    expect(await lock.release()).toBe(true);
    await frail.close();
  });
});

describe('given the message of a hand-off is lost or late', () => {
  it('given it is lost, then the waiters wait for one check at the most', async () => {
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    const first = scene.locks.service.acquire('k', { wait: '30s' });
    await scene.queued(1);
    const second = scene.third.service.acquire('k', { wait: '30s' });
    await scene.queued(2);
    scene.proxy.dropReplies();
    const lost = scene.proxy.waitFor(
      (chunk, direction) => direction === 'reply' && chunk.includes('lock:~nl:w:'),
    );
    await held.release();
    await lost;
    scene.proxy.release();
    const since = performance.now();
    await Promise.all([first, second].map(async (each) => (await each).release()));
    // The bound is a second for the offer, or a check: 1.2 s for each waiter.
    expect(performance.now() - since).toBeLessThan(3_500);
    await scene.nothingLeft();
  });

  it('given a slow connection, then the offer is confirmed and used by its own waiter', async () => {
    const slow = await scene.proxied({ commandTimeout: 5_000 });
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    const order: string[] = [];
    const note = async (name: string, call: Promise<{ release(): Promise<boolean> }>): Promise<void> => {
      const lock = await call;
      order.push(name);
      await lock.release();
    };
    const first = note('first', slow.service.acquire('k', { wait: '30s' }));
    await scene.queued(1);
    const second = note('second', scene.third.service.acquire('k', { wait: '30s' }));
    await scene.queued(2);
    // A request older than half a second needs a confirmation of its offer before a hold starts.
    await pause(700);
    scene.proxy.delay(60);
    await held.release();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
    scene.proxy.delay(0);
    await slow.close();
  });

  it('peers: given it falls between the check and the subscription, then the waiter does not miss it', async () => {
    // This is the first contention of the process, which has no subscription yet.
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    scene.proxy.holdReplies();
    const waiting = scene.locks.service.acquire('k', { wait: '30s' });
    await scene.proxy.waitFor((chunk, direction) => direction === 'reply' && chunk.includes('nl1:'));
    await held.release();
    const since = performance.now();
    scene.proxy.release();
    const lock = await waiting;
    expect(performance.now() - since).toBeLessThan(1_000);
    await lock.release();
  });
});

describe('given the connection for hand-offs fails', () => {
  const member = async (n: number): Promise<string | undefined> =>
    (await scene.client.zrange('lock:~nl:q:k', String(n), String(n)))[0];

  /** The ids of the connections that subscribe. */
  async function subscribers(): Promise<string[]> {
    const list = String(await scene.client.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'));
    return [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id ?? '').sort();
  }

  it('given it is cut and restored during a wait, then the waiter keeps its position in the queue', async () => {
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    const first = scene.locks.service.acquire('k', { wait: '30s' });
    await scene.queued(1);
    const token = await member(0);
    const second = scene.third.service.acquire('k', { wait: '30s' });
    await scene.queued(2);
    const before = await subscribers();
    scene.proxy.cut();
    // The server notices the end of the old connection after some time.
    await eventually(async () => {
      const now = await subscribers();
      expect(now).toHaveLength(before.length);
      expect(now).not.toEqual(before);
    });
    expect(await member(0)).toBe(token);
    const since = performance.now();
    await held.release();
    const lock = await first;
    expect(performance.now() - since).toBeLessThan(500);
    await lock.release();
    await (await second).release();
    await scene.nothingLeft();
  });

  it('given it is away at the hand-off, then one waiter overtakes, and the first waiter returns to its old position', async () => {
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    const order: string[] = [];
    const note = (name: string, call: Promise<{ release(): Promise<boolean> }>) =>
      call.then(async (lock) => {
        order.push(name);
        return lock;
      });
    const cut = note('cut', scene.locks.service.acquire('k', { wait: '30s' }));
    await scene.queued(1);
    const session = (await member(0))?.split(':')[1];
    const next = note('next', scene.third.service.acquire('k', { wait: '30s' }));
    await scene.queued(2);
    const late = locksOn(scene.server);
    const last = note('last', late.service.acquire('k', { wait: '30s' }));
    await scene.queued(3);
    scene.proxy.refuse();
    scene.proxy.cut();
    await eventually(async () => {
      expect(await scene.client.call('PUBSUB', 'NUMSUB', `lock:~nl:w:${session}`)).toEqual([
        expect.anything(),
        0,
      ]);
    });
    await held.release();
    const lock = await next;
    await scene.queued(1);
    scene.proxy.accept();
    await scene.queued(2);
    expect((await member(0))?.split(':')[1]).toBe(session);
    await lock.release();
    await (await cut).release();
    await (await last).release();
    expect(order).toEqual(['next', 'cut', 'last']);
    await late.close();
  });

  it('given it swallows all data, then it is opened anew while a caller waits', async () => {
    const held = await scene.other.service.acquire('k', { ttl: '60s' });
    const waiting = scene.locks.service.acquire('k', { wait: '60s' });
    await scene.queued(1);
    const before = await subscribers();
    scene.proxy.dropReplies();
    await eventually(async () => expect(await subscribers()).not.toEqual(before), {
      within: 9_000,
      every: 50,
    });
    scene.proxy.cut();
    scene.proxy.release();
    await held.release();
    await (await waiting).release();
  }, 60_000);
});
