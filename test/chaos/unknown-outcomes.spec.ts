/** What becomes of commands whose replies are lost or late: nobody is blocked for a ttl, and nobody runs twice. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { type Child, startChild } from '../support/child-process.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';

const COMMAND_TIMEOUT = 300;

let server: RedisServer;
let client: Redis;
let proxy: TcpProxy;
/** Through the proxy. */
let locks: Locks;
/** Straight on the server. */
let other: Locks;
let third: Locks;
let children: Child<LocksHandlers>[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  const worker = new URL('../support/workers/locks.worker.ts', import.meta.url);
  // Before the tests: next to three starts, a time-out of theirs would be over before a reply is read.
  children = await Promise.all(
    [1, 2, 3].map(async () => {
      const started = await startChild<LocksHandlers>(worker);
      await started.call('open', server.url);
      return started;
    }),
  );
}, 60_000);
afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  await server.stop();
});

beforeEach(async () => {
  await client.flushall();
  proxy = await startProxy(server);
  locks = await proxied();
  other = locksOn(server);
  third = locksOn(server);
});

afterEach(async () => {
  proxy.release();
  proxy.accept();
  await Promise.all([locks, other, third].map((each) => each.close()));
  await proxy.stop();
});

/** Knows the server's clock already, and the server knows its scripts, so that the next command is the one that a test is about. */
async function proxied(options: LocksOptions = {}): Promise<Locks> {
  const made = locksOn(proxy, { commandTimeout: COMMAND_TIMEOUT, ...options });
  const lock = await made.service.acquire('warm');
  await lock.extend();
  await lock.release();
  return made;
}

/** Until `n` stand in the queue. */
function queued(n: number, key = 'k'): Promise<void> {
  return eventually(async () => expect(await client.zcard(`lock:~nl:q:${key}`)).toBe(n));
}

function taken(key = 'k'): Promise<void> {
  return eventually(async () => expect(await client.exists(`lock:${key}`)).toBe(1));
}

/** Nothing is held and nobody queues, long before any ttl is over. */
function nothingLeft(within = 1_500): Promise<void> {
  return eventually(async () => expect(await client.keys('lock:*')).toEqual(['lock:~nl:f']), { within });
}

/** Nothing comes back either: it stays so for a while. */
async function staysFree(key = 'k', ms = 2 * COMMAND_TIMEOUT): Promise<void> {
  const end = performance.now() + ms;
  for (; performance.now() < end; await pause(5)) {
    expect(await client.exists(`lock:${key}`, `lock:~nl:q:${key}`)).toBe(0);
  }
}

function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => value,
    (error: unknown) => error,
  );
}

/** The commands of a chunk, from the bytes that were sent: an array of strings each. */
function commandsOf(chunk: string): string[][] {
  const lines = chunk.split('\r\n');
  const commands: string[][] = [];
  for (let at = 0; lines[at]?.startsWith('*');) {
    const count = Number(lines[at]?.slice(1));
    const parts = Array.from({ length: count }, (_, i) => lines[at + 2 + 2 * i] ?? '');
    commands.push(parts);
    at += 1 + 2 * count;
  }
  return commands;
}

describe('the lost reply of an acquire', () => {
  const CALLS: [string, (service: Locks['service']) => Promise<unknown>][] = [
    ['tryAcquire', (service) => service.tryAcquire('k')],
    ['acquire', (service) => service.acquire('k')],
    ['several keys', (service) => service.acquire(['a', 'k'])],
  ];

  it.each(CALLS)('peers: leaves no key behind and blocks nobody for its ttl (%s)', async (_name, call) => {
    const since = performance.now();
    proxy.holdReplies();
    const failed = outcome(call(locks.service));
    if (_name === 'several keys') await taken('a');
    else await taken();
    expect(await failed).toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/did not answer/),
    });
    expect(performance.now() - since).toBeLessThan(COMMAND_TIMEOUT + 700);
    const waiting = other.service.acquire('k');
    proxy.release();
    const released = performance.now();
    const lock = await waiting;
    expect(performance.now() - released).toBeLessThan(1_500);
    await lock.release();
    await nothingLeft();
    await staysFree();
  });

  it.each(CALLS.slice(0, 2))(
    'peers: with the connection, is answered again: our own token is not "busy" (%s)',
    async (_name, call) => {
      const patient = await proxied({ commandTimeout: 5_000 });
      proxy.dropReplies();
      const answered = outcome(call(patient.service));
      await taken();
      const stored = await client.get('lock:k');
      proxy.cut();
      proxy.release();
      const lock = (await answered) as { token: string; held: boolean; release(): Promise<boolean> };
      expect(lock).toMatchObject({ held: true, token: stored });
      expect(await lock.release()).toBe(true);
      await nothingLeft();
      await patient.close();
    },
  );

  it('peers: on a client that does not send again, the retry does not block on its own key', async () => {
    const frank = await proxied({ redis: { autoResendUnfulfilledCommands: false } });
    proxy.dropReplies();
    const failed = outcome(frank.service.tryAcquire('k'));
    await taken();
    proxy.cut();
    proxy.release();
    expect(await failed).toMatchObject({ code: 'LOCK_STORE' });
    const lock = await eventually(() => frank.service.acquire('k', { wait: 2_000 }), { within: 4_000 });
    await lock.release();
    await nothingLeft();
    await frank.close();
  });

  it('that comes after the lease is over is an error in time, not a call that never returns', async () => {
    const patient = await proxied({ commandTimeout: 2_000 });
    for (const wait of [0, 700]) {
      proxy.holdReplies();
      const call = outcome(patient.service.acquire('k', { ttl: 100, wait }));
      const fallback = new Promise((resolve) => setTimeout(resolve, 3_500, 'never returned').unref());
      await taken();
      await eventually(async () => expect(await client.exists('lock:k')).toBe(0));
      // From now on every reply comes later than a lease lasts.
      proxy.release();
      proxy.delay(80);
      expect(await Promise.race([call, fallback])).toMatchObject({ code: 'LOCK_STORE' });
      proxy.delay(0);
      await nothingLeft();
    }
    await patient.close();
  });
});

describe('an acquire that is delayed until after its own clean-up', () => {
  it.each([
    ['once', 0],
    ['queue', 10_000],
  ])('must not run any more (mode %s)', async (mode, wait) => {
    if (mode === 'queue') {
      // Hears of hand-offs from here on: requests stand in the queue.
      const held = await other.service.acquire('first');
      const first = locks.service.acquire('first');
      await queued(1, 'first');
      await held.release();
      await (await first).release();
    }
    const sent: string[][] = [];
    const unwatch = proxy.watch((chunk, direction) => {
      if (direction === 'request') sent.push(...commandsOf(chunk));
    });
    proxy.dropRequests();
    expect(await outcome(locks.service.acquire('k', { wait, ttl: 20_000 }))).toMatchObject({
      code: 'LOCK_STORE',
    });
    unwatch();
    proxy.cut();
    proxy.release();
    await staysFree();

    const request =
      sent.find((parts) => parts[0]?.toUpperCase() === 'EVALSHA' && parts.includes('lock:k')) ?? [];
    expect(request.includes('once')).toBe(mode === 'once');
    const [, ...args] = request;
    expect(await client.call('EVALSHA', ...(args as [string, ...string[]]))).toEqual([
      0,
      -2,
      expect.any(String),
    ]);
    await staysFree();
    // That it would have run but for its time shows that the test tests something.
    const time = args.findIndex((each) => /^\d{16}$/.test(each));
    args[time] = String(Number(args[time]) + 60_000_000);
    await client.call('EVALSHA', ...(args as [string, ...string[]]));
    expect(await client.exists('lock:k')).toBe(1);
    await client.del('lock:k');
  });
});

describe('the lost reply of a release', () => {
  it('resolves in time, and the key is free although nobody said so', async () => {
    const lock = await locks.service.acquire('k');
    proxy.holdReplies();
    const since = performance.now();
    const released = lock.release();
    await staysGone();
    // Its lease had not ended: nobody else had it.
    expect(await released).toBe(true);
    expect(performance.now() - since).toBeLessThan(COMMAND_TIMEOUT + 700);
    expect(lock.signal.aborted).toBe(false);
    // Its own repetitions must not take away what somebody else holds by now.
    const next = await other.service.acquire('k');
    proxy.release();
    await next.extend();
    expect(await client.get('lock:k')).toBe(next.token);
    expect(await next.release()).toBe(true);
    await nothingLeft();
  });

  it('hands the key to those who queue all the same', async () => {
    const lock = await locks.service.acquire('k');
    const waiting = other.service.acquire('k');
    await queued(1);
    const behind = third.service.acquire('k');
    await queued(2);
    proxy.holdReplies();
    const since = performance.now();
    const released = lock.release();
    const next = await waiting;
    expect(performance.now() - since).toBeLessThan(COMMAND_TIMEOUT);
    expect(await released).toBe(true);
    proxy.release();
    expect(await next.release()).toBe(true);
    await (await behind).release();
    await nothingLeft();
  });

  it('whose request was lost as well is sent again', async () => {
    const lock = await locks.service.acquire('k');
    proxy.dropRequests();
    expect(await lock.release()).toBe(true);
    expect(await client.get('lock:k')).toBe(lock.token);
    proxy.cut();
    proxy.release();
    await nothingLeft();
  });

  it.each(['with nobody waiting', 'with others waiting'])(
    'with the connection, is answered again, and does not check like a lost lock (%s)',
    async (name) => {
      const patient = await proxied({ commandTimeout: 5_000 });
      const lock = await patient.service.acquire('k');
      const waiting = name === 'with others waiting' ? patient.service.acquire('k') : undefined;
      const { signal } = lock;
      proxy.dropReplies();
      const released = lock.release();
      await eventually(async () => expect(await client.get('lock:k')).not.toBe(lock.token));
      proxy.cut();
      proxy.release();
      // The repetition finds nothing to release. Nobody else may have had the lock: its lease had not ended.
      expect(await released).toBe(true);
      expect(signal.aborted).toBe(false);
      await (await waiting)?.release();
      expect(patient.events).toEqual([]);
      await nothingLeft();
      await patient.close();
    },
  );

  function staysGone(): Promise<void> {
    return eventually(async () => expect(await client.exists('lock:k')).toBe(0));
  }
});

describe('a grant that crosses', () => {
  it.each([
    ['tryAcquire-like', 0],
    ['waiting', 10_000],
  ])('the abort of its caller is given back (%s)', async (_name, wait) => {
    const abort = new AbortController();
    proxy.holdReplies();
    const call = outcome(locks.service.acquire('k', { wait, signal: abort.signal }));
    await taken();
    abort.abort();
    expect(await call).toMatchObject({ code: 'LOCK_ABORTED' });
    proxy.release();
    await nothingLeft();
    await staysFree();
  });

  it('the deadline of its caller is given back', async () => {
    const patient = await proxied({ commandTimeout: 5_000 });
    proxy.holdReplies();
    const call = outcome(patient.service.acquire('k', { wait: 50 }));
    await taken();
    expect(await call).toMatchObject({ code: 'LOCK_STORE' });
    proxy.release();
    await nothingLeft();
    await patient.close();
  });

  it('as a hand-off, the abort of its caller, goes to the next in the queue', async () => {
    const held = await other.service.acquire('k');
    const abort = new AbortController();
    const patient = await proxied({ commandTimeout: 5_000 });
    const call = outcome(patient.service.acquire('k', { signal: abort.signal }));
    await queued(1);
    const next = third.service.acquire('k');
    await queued(2);
    proxy.holdReplies();
    await held.release();
    await queued(1);
    abort.abort();
    expect(await call).toMatchObject({ code: 'LOCK_ABORTED' });
    const since = performance.now();
    proxy.release();
    const lock = await next;
    expect(performance.now() - since).toBeLessThan(500);
    await lock.release();
    await nothingLeft();
    await patient.close();
  });

  it('as a hand-off, a check whose reply is lost, is not taken back under the one who runs on it', async () => {
    const frail = await proxied({ commandTimeout: 600 });
    // Hand-offs arrive by a way of their own, and so before the replies that the proxy holds.
    const duplicate = frail.client.duplicate.bind(frail.client);
    const straight = (options: object): RedisLike => duplicate({ ...options, port: server.port });
    Object.assign(frail.client, { duplicate: straight });
    const held = await other.service.acquire('k');
    const waiting = frail.service.acquire('k', { wait: 20_000 });
    await new Promise<void>((resolve) => {
      const unwatch = proxy.watch((chunk, direction) => {
        if (direction !== 'request' || !chunk.includes('\r\ncheck\r\n')) return;
        proxy.holdReplies();
        unwatch();
        resolve();
      });
    });
    const checked = performance.now();
    await eventuallyTrue(() => performance.now() - checked > 300);
    await held.release();
    await eventuallyTrue(() => frail.events.some(({ name }) => name === 'store-error'));
    proxy.release();
    const lock = await waiting;
    const end = performance.now() + 1_000;
    for (; performance.now() < end; await pause(5)) {
      expect(await client.get('lock:k')).toBe(lock.token);
      expect(lock.held).toBe(true);
    }
    expect(await lock.release()).toBe(true);
    await frail.close();
  });
});

describe('a lost hand-off', () => {
  it('costs those who wait no more than one check', async () => {
    const held = await other.service.acquire('k', { ttl: '60s' });
    const first = locks.service.acquire('k', { wait: '30s' });
    await queued(1);
    const second = third.service.acquire('k', { wait: '30s' });
    await queued(2);
    proxy.dropReplies();
    const lost = proxy.waitFor((chunk, direction) => direction === 'reply' && chunk.includes('lock:~nl:w:'));
    await held.release();
    await lost;
    proxy.release();
    const since = performance.now();
    await Promise.all([first, second].map(async (each) => (await each).release()));
    // A second for the offer, or a check: 1.2 s for each that waits.
    expect(performance.now() - since).toBeLessThan(3_500);
    await nothingLeft();
  });

  it('is none where the queue is slow: it is confirmed, and used, by the one it was meant for', async () => {
    const slow = await proxied({ commandTimeout: 5_000 });
    const held = await other.service.acquire('k', { ttl: '60s' });
    const order: string[] = [];
    const note = async (name: string, call: Promise<{ release(): Promise<boolean> }>): Promise<void> => {
      const lock = await call;
      order.push(name);
      await lock.release();
    };
    const first = note('first', slow.service.acquire('k', { wait: '30s' }));
    await queued(1);
    const second = note('second', third.service.acquire('k', { wait: '30s' }));
    await queued(2);
    // Older than half a second, an offer has to be confirmed before anything runs on it.
    await pause(700);
    proxy.delay(60);
    await held.release();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
    proxy.delay(0);
    await slow.close();
  });

  it('peers: is not missed between the check and the subscription', async () => {
    // The first contention of this process: it has no subscription yet.
    const held = await other.service.acquire('k', { ttl: '60s' });
    proxy.holdReplies();
    const waiting = locks.service.acquire('k', { wait: '30s' });
    await proxy.waitFor((chunk, direction) => direction === 'reply' && chunk.includes('nl1:'));
    await held.release();
    const since = performance.now();
    proxy.release();
    const lock = await waiting;
    expect(performance.now() - since).toBeLessThan(1_000);
    await lock.release();
  });
});

describe('the connection for hand-offs', () => {
  const member = async (n: number): Promise<string | undefined> =>
    (await client.zrange('lock:~nl:q:k', String(n), String(n)))[0];

  /** The connections that listen, by number. */
  async function subscribers(): Promise<string[]> {
    const list = String(await client.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'));
    return [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id ?? '').sort();
  }

  it('cut and restored while waiting: the place in the queue is kept', async () => {
    const held = await other.service.acquire('k', { ttl: '60s' });
    const first = locks.service.acquire('k', { wait: '30s' });
    await queued(1);
    const token = await member(0);
    const second = third.service.acquire('k', { wait: '30s' });
    await queued(2);
    const before = await subscribers();
    proxy.cut();
    // The server forgets the old connection at its own time.
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
    await nothingLeft();
  });

  it('away at the hand-off: the place is lost to the next one only, and taken back where it was', async () => {
    const held = await other.service.acquire('k', { ttl: '60s' });
    const order: string[] = [];
    const note = (name: string, call: Promise<{ release(): Promise<boolean> }>) =>
      call.then(async (lock) => {
        order.push(name);
        return lock;
      });
    const cut = note('cut', locks.service.acquire('k', { wait: '30s' }));
    await queued(1);
    const session = (await member(0))?.split(':')[1];
    const next = note('next', third.service.acquire('k', { wait: '30s' }));
    await queued(2);
    const late = locksOn(server);
    const last = note('last', late.service.acquire('k', { wait: '30s' }));
    await queued(3);
    proxy.refuse();
    proxy.cut();
    await eventually(async () => {
      expect(await client.call('PUBSUB', 'NUMSUB', `lock:~nl:w:${session}`)).toEqual([expect.anything(), 0]);
    });
    await held.release();
    const lock = await next;
    await queued(1);
    proxy.accept();
    await queued(2);
    expect((await member(0))?.split(':')[1]).toBe(session);
    await lock.release();
    await (await cut).release();
    await (await last).release();
    expect(order).toEqual(['next', 'cut', 'last']);
    await late.close();
  });

  it('that swallows everything is noticed and opened anew while somebody waits', async () => {
    const held = await other.service.acquire('k', { ttl: '60s' });
    const waiting = locks.service.acquire('k', { wait: '60s' });
    await queued(1);
    const before = await subscribers();
    proxy.dropReplies();
    await eventually(async () => expect(await subscribers()).not.toEqual(before), {
      within: 9_000,
      every: 50,
    });
    proxy.cut();
    proxy.release();
    await held.release();
    await (await waiting).release();
  }, 20_000);
});

describe('a process', () => {
  it('paused at the head of the queue costs the others the offer and a check, and does not run on what it lost', async () => {
    const held = await other.service.acquire('k', { ttl: '60s' });
    const paused = children[0];
    await paused.call('request', 'k', { wait: '60s', ttl: '60s' });
    await queued(1);
    const next = third.service.acquire('k', { wait: '30s' });
    await queued(2);
    paused.pause();
    const since = performance.now();
    await held.release();
    const lock = await next;
    const waited = performance.now() - since;
    expect(waited).toBeGreaterThan(900);
    expect(waited).toBeLessThan(4_000);
    const resumed = paused.call('acquired', 'k');
    paused.resume();
    // It requests again, behind us, and nobody runs beside us meanwhile.
    await queued(1);
    expect(await client.get('lock:k')).toBe(lock.token);
    expect(await lock.release()).toBe(true);
    const { fence, token } = await resumed;
    expect(fence).toBeGreaterThan(lock.fence);
    expect(await client.get('lock:k')).toBe(token);
    expect(await paused.call('release', 'k')).toBe(true);
    await nothingLeft();
  });

  it('killed while it holds keeps the key for the rest of its ttl, and its waiters no longer than a check more', async () => {
    const killed = children[1];
    await killed.call('request', 'k', { ttl: 1_000 });
    const { fence } = await killed.call('acquired', 'k');
    const waiting = [other.service.acquire('k'), third.service.acquire('k')];
    await queued(2);
    await killed.kill();
    const since = performance.now();
    const lock = await Promise.race(waiting);
    expect(performance.now() - since).toBeLessThan(2_500);
    expect(lock.fence).toBeGreaterThan(fence);
    await Promise.all(waiting.map(async (each) => (await each).release()));
    await nothingLeft();
  });

  it('killed while it waits is skipped', async () => {
    const held = await other.service.acquire('k');
    const killed = children[2];
    await killed.call('request', 'k', { wait: '60s' });
    await queued(1);
    const session = (await client.zrange('lock:~nl:q:k', '0', '0'))[0]?.split(':')[1];
    const next = third.service.acquire('k');
    await queued(2);
    await killed.kill();
    await eventually(async () => {
      expect(await client.call('PUBSUB', 'NUMSUB', `lock:~nl:w:${session}`)).toEqual([expect.anything(), 0]);
    });
    const since = performance.now();
    await held.release();
    const lock = await next;
    expect(performance.now() - since).toBeLessThan(500);
    await lock.release();
    await nothingLeft();
  });

  it('peers: paused past its lease knows at once that it is over, and disturbs nobody', async () => {
    const paused = children[0];
    await paused.call('request', 'k', { ttl: 500 });
    const { fence } = await paused.call('acquired', 'k');
    expect(await paused.call('state', 'k')).toMatchObject({ held: true, aborted: false });
    paused.pause();
    const lock = await other.service.acquire('k');
    expect(lock.fence).toBeGreaterThan(fence);
    const state = paused.call('state', 'k');
    const released = paused.call('release', 'k');
    paused.resume();
    expect(await state).toMatchObject({ held: false, remaining: 0 });
    expect(await released).toBe(false);
    expect((await paused.call('state', 'k')).aborted).toBe(true);
    expect(await client.get('lock:k')).toBe(lock.token);
    expect(await lock.release()).toBe(true);
    await nothingLeft();
  });
});
