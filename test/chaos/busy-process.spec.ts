/**
 * A process that computes for long: replies that arrived meanwhile count, although its timers run before it reads them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Lock } from '../../lib/index.js';
import { ServerClock } from '../../lib/stores/redis/commands/server-clock.js';
import { type Child, startChild } from '../support/child-process.js';
import { compute, inIoCallback } from '../support/computation.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';

let server: RedisServer;
let client: Redis;
/** Another process. */
let child: Child<LocksHandlers>;
const opened: Locks[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  child = await startChild<LocksHandlers>(new URL('../support/workers/locks.worker.ts', import.meta.url));
  await child.call('open', server.url);
});
afterAll(async () => {
  await child.kill();
  await server.stop();
});
beforeEach(() => client.flushall());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

function locksFor(options: LocksOptions = {}, target: { readonly url: string } = server): Locks {
  const locks = locksOn(target, options);
  opened.push(locks);
  return locks;
}

/** Locks that are connected and were used once. */
async function warm(options?: LocksOptions, target?: { readonly url: string }): Promise<Locks> {
  const locks = locksFor(options, target);
  await (await locks.service.acquire('warm')).release();
  return locks;
}

describe('given a call in a process that computes for longer than the call may wait', () => {
  it.each([
    [100, 400],
    [1_000, 1_200],
    [1, 50],
  ])('given a free key, then it is granted (wait %d ms, computation %d ms)', async (wait, ms) => {
    const { service } = await warm();
    const lock = await inIoCallback(() => {
      const requested = service.acquire('free', { wait });
      compute(ms);
      return requested;
    });
    expect(lock.held).toBe(true);
    expect(await lock.release()).toBe(true);
  });

  it('given a free key and a reader, then it is granted', async () => {
    const { service } = await warm();
    const lock = await inIoCallback(() => {
      const requested = service.acquire('free', { wait: 100, mode: 'shared' });
      compute(300);
      return requested;
    });
    expect(await lock.release()).toBe(true);
  });

  it.each([
    [100, 400],
    [1_000, 1_200],
  ])('given a key that is held, then it is told "busy" (wait %d ms, computation %d ms)', async (wait, ms) => {
    await child.call('request', 'k');
    await child.call('acquired', 'k');
    const { service } = await warm();
    const requested = await inIoCallback(() => {
      const call = service.acquire('k', { wait }).catch((error: unknown) => error);
      compute(ms);
      return call;
    });
    expect(requested).toMatchObject({ code: 'LOCK_BUSY' });
    await child.call('release', 'k');
  });

  it('given several callers of a free key, then one is granted, and the others are told "busy"', async () => {
    const { service } = await warm();
    const outcomes = await inIoCallback(() => {
      const calls = [1, 2, 3].map(() =>
        service.acquire('free', { wait: 100 }).catch((error: { code: string }) => error.code),
      );
      compute(300);
      return Promise.all(calls);
    });
    const [lock, ...others] = outcomes;
    expect(others).toEqual(['LOCK_BUSY', 'LOCK_BUSY']);
    expect(await (lock as Lock).release()).toBe(true);
  });

  it('given an unread message of a hand-off, then it is granted', async () => {
    await child.call('request', 'k');
    await child.call('acquired', 'k');
    const { service } = await warm();
    const requested = service.acquire('k', { wait: 600 });
    await queueOf(client).holds(1);
    await inIoCallback(() => {
      void child.call('release', 'k');
      // The message to the child is sent before the computation begins.
      return pause(0);
    });
    await inIoCallback(() => compute(700));
    expect(await (await requested).release()).toBe(true);
  });
});

describe('given the first use of a connection in a process that computes', () => {
  it.each([500, 2_600])(
    'then the call is granted after a computation of %d ms, longer than the time-out of a command',
    async (ms) => {
      const locks = locksFor({ commandTimeout: ms === 500 ? 200 : 2_000 });
      await eventuallyTrue(() => locks.client.status === 'ready');
      const lock = await inIoCallback(() => {
        const requested = locks.service.acquire('k', { wait: '10s' });
        compute(ms);
        return requested;
      });
      expect(await lock.release()).toBe(true);
    },
  );

  it('then the call is granted in the end, even if each round trip meets a computation', async () => {
    const locks = locksFor({ commandTimeout: 200 });
    await eventuallyTrue(() => locks.client.status === 'ready');
    let computing = true;
    const keepBusy = async (): Promise<void> => {
      while (computing) await inIoCallback(() => compute(250));
    };
    const busy = keepBusy();
    const lock = await locks.service.acquire('k', { wait: '10s' });
    computing = false;
    await busy;
    expect(await lock.release()).toBe(true);
  });

  it.each([false, true])(
    'then later calls succeed, even if the process computes during each of them (auto-pipelining: %s)',
    async (enableAutoPipelining) => {
      // Auto-pipelining writes a command after the computation.
      const locks = locksFor({ commandTimeout: 150, redis: { enableAutoPipelining } });
      await eventuallyTrue(() => locks.client.status === 'ready');
      for (let i = 0; i < 6; i += 1) {
        const lock = await inIoCallback(() => {
          const requested = locks.service.acquire('k', { wait: 0 });
          compute(200);
          return requested;
        });
        expect(await lock.release()).toBe(true);
      }
    },
  );
});

describe("given the estimate of the server's clock", () => {
  const at = (clock: ServerClock): number => clock.at(performance.now()) - performance.now() * 1_000;

  it('given a reply that was read late, then the estimate of an earlier, timely reply stays', () => {
    const clock = new ServerClock();
    const now = (): number => performance.now() * 1_000;
    clock.set(now(), performance.now());
    const sentAt = performance.now();
    const shown = now();
    compute(300);
    clock.set(shown, sentAt);
    expect(at(clock)).toBeGreaterThan(-15_000);
    expect(at(clock)).toBeLessThanOrEqual(0);
  });

  it("given a server's clock that was set back, then the estimate follows it", () => {
    const clock = new ServerClock();
    const now = (): number => performance.now() * 1_000;
    clock.set(now() + 60_000_000, performance.now());
    clock.set(now(), performance.now());
    expect(at(clock)).toBeLessThanOrEqual(0);
  });
});

describe('given a lease from a hand-off, and work that computes at once', () => {
  /** Waits for the key for `before` ms, gets it by a hand-off, and computes for `ms` at once. */
  async function afterHandOff(
    { before, ms }: { before: number; ms: number },
    work: (lock: Lock) => unknown = () => undefined,
    prepare: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<unknown> {
    await child.call('request', 'k');
    await child.call('acquired', 'k');
    const { service } = await warm();
    const done = service.using('k', { ttl: '30s' }, async (lock) => {
      compute(ms);
      await work(lock);
      return lock.token;
    });
    await queueOf(client).holds(1);
    await pause(before);
    await prepare();
    void child.call('release', 'k');
    return done;
  }

  it.each([
    { before: 20, ms: 1_100 },
    { before: 400, ms: 700 },
    { before: 20, ms: 2_500 },
    { before: 20, ms: 5_200 },
  ])('then the lease is not lost (computation of $ms ms, $before ms after the request)', async (times) => {
    let abortedOnce = false;
    const token = await afterHandOff(times, async (lock) => {
      lock.signal.addEventListener('abort', () => (abortedOnce = true));
      await eventually(() => expect(lock.held).toBe(true));
      expect(lock.remaining).toBeGreaterThan(20_000);
      expect(await client.get('lock:k')).toBe(lock.token);
      expect(await client.pttl('lock:k')).toBeGreaterThan(20_000);
    });
    expect(token).toEqual(expect.any(String));
    expect(abortedOnce).toBe(false);
    expect(await client.exists('lock:k')).toBe(0);
  });

  it('then work that ends with the computation releases the lock as held', async () => {
    await expect(afterHandOff({ before: 20, ms: 1_100 })).resolves.toEqual(expect.any(String));
  });

  it('then the lock is in doubt until the sockets are read: held is false, assertHeld() throws, and no loss is reported', async () => {
    await afterHandOff({ before: 20, ms: 1_100 }, async (lock) => {
      expect(lock.held).toBe(false);
      expect(lock.signal.aborted).toBe(false);
      expect(() => lock.assertHeld()).toThrow(
        expect.objectContaining({ code: 'LOCK_LOST', reason: 'unconfirmed' }),
      );
      expect(lock.signal.aborted).toBe(false);
      // extend() waits for its reply. After it, the state is known.
      await lock.extend();
      expect(lock.held).toBe(true);
      lock.assertHeld();
    });
  });

  it('then the lease is not lost if the server has forgotten the scripts', async () => {
    await afterHandOff(
      { before: 20, ms: 1_500 },
      async (lock) => {
        await eventually(() => expect(lock.held).toBe(true));
        expect(await client.get('lock:k')).toBe(lock.token);
      },
      () => client.script('FLUSH'),
    );
  });
});

describe('given a network with a round trip of 350 ms', () => {
  it.each([0, 50, 150, 250, 300, 400, 1_000])('then a call with a wait of %d ms is granted', async (wait) => {
    const proxy = await startProxy(server);
    try {
      const locks = await warm({}, proxy);
      proxy.delay(175);
      const lock = await locks.service.acquire('k', { wait });
      expect(lock.held).toBe(true);
      expect(await lock.release()).toBe(true);
    } finally {
      await Promise.all(opened.splice(0).map((each) => each.close()));
      await proxy.stop();
    }
  });
});
