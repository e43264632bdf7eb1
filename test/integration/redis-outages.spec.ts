/**
 * Redis is away for a moment. A caller with time to wait does not notice. A caller without time, or any caller if the
 * outage lasts, is told at once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LockError } from '../../lib/errors/index.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { MASTER, startSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedis, startReplica } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { LOADED, timed } from '../support/waits.js';

const COMMAND_TIMEOUT = 2_000;

const opened: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) {
    await each.close?.();
    await each.stop?.();
  }
});

/** Locks that are closed after the test, before the servers stop. */
function locksFor(target: { readonly url: string }, options?: LocksOptions): Locks {
  const locks = locksOn(target, { commandTimeout: COMMAND_TIMEOUT, ...options });
  opened.unshift(locks);
  return locks;
}

function stopping<T extends { stop(): Promise<void> }>(started: T): T {
  opened.push(started);
  return started;
}

async function proxied(
  options?: LocksOptions,
): Promise<{ server: RedisServer; proxy: TcpProxy; locks: Locks }> {
  const server = await startRedis();
  const proxy = stopping(await startProxy(server));
  stopping(server);
  const locks = locksFor(proxy, options);
  await (await locks.service.acquire('warm')).release();
  return { server, proxy, locks };
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'granted',
    (error: LockError) => error.code,
  );

/** Acquires the key and releases it. Resolves to "granted" or to the error's code. */
const passing = async (locks: Locks, key: string, wait: number): Promise<string> =>
  codeOf(locks.service.using(key, { wait }, () => undefined));

/** Makes callers come all the time, for a few busy keys and for new keys. `end` resolves to the outcomes of all calls. */
function arrivals(locks: Locks): { end(): Promise<string[]> } {
  const calls: Promise<string>[] = [];
  let over = false;
  const coming = (async () => {
    for (let i = 0; !over; i += 1) {
      calls.push(passing(locks, `busy${i % 5}`, 20_000), passing(locks, `new${i}`, 20_000));
      await pause(2);
    }
  })();
  return {
    async end() {
      over = true;
      await coming;
      return Promise.all(calls);
    },
  };
}

/** Cuts the connection, and refuses new ones. */
async function away({ client }: Locks, proxy: TcpProxy): Promise<void> {
  proxy.refuse();
  proxy.cut();
  await eventuallyTrue(() => client.status === 'reconnecting');
}

/** Resolves when nothing but the fence counter is left. */
async function nothingLeft(server: RedisServer): Promise<void> {
  const client = server.client();
  await eventually(async () => expect(await client.keys('lock:*')).toEqual(['lock:~nl:f']));
}

const until = (time: number): Promise<void> => eventuallyTrue(() => performance.now() >= time);

describe('a connection that is lost', () => {
  it('given a loss shorter than commandTimeout, then new and waiting callers are served', async () => {
    const { server, proxy, locks } = await proxied();
    const other = locksFor(server);
    const held = await other.service.acquire('held');
    const waiting = passing(locks, 'held', 8_000);
    await eventually(async () => expect(await server.client().zcard('lock:~nl:q:held')).toBe(1));
    await away(locks, proxy);
    const since = performance.now();
    const calls = [
      waiting,
      passing(locks, 'held', 8_000),
      ...Array.from({ length: 10 }, (_, i) => passing(locks, `free${i % 5}`, 8_000)),
      codeOf(locks.service.acquire(['a', 'b', 'free0'], { wait: 8_000 }).then((lock) => lock.release())),
      codeOf(locks.service.using('read', { wait: 8_000, mode: 'shared' }, () => undefined)),
    ];
    await until(since + 150);
    // Two more callers, beside those that already wait for Redis.
    calls.push(passing(locks, 'free0', 8_000), passing(locks, 'late', 8_000));
    await until(since + 300);
    proxy.accept();
    await eventuallyTrue(() => locks.client.status === 'ready');
    await held.release();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['granted']));
    await nothingLeft(server);
  });

  it('given a wait that ends before the connection is back, then the caller is told why at that moment', async () => {
    const { server, proxy, locks } = await proxied();
    await away(locks, proxy);
    const since = performance.now();
    await expect(locks.service.acquire('k', { wait: 0 })).rejects.toMatchObject({ code: 'LOCK_STORE' });
    await expect(locks.service.tryAcquire('k')).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(performance.now() - since).toBeLessThan(200);
    const { value: error, waited } = await timed(
      locks.service.acquire('k', { wait: 300 }).catch((reason: unknown) => reason),
    );
    expect(error).toMatchObject({ code: 'LOCK_STORE', message: expect.stringMatching(/not connected/) });
    // The call has begun before its time is measured.
    expect(waited).toBeGreaterThan(200);
    expect(waited).toBeLessThan(300 + LOADED);
    proxy.accept();
    await eventuallyTrue(() => locks.client.status === 'ready');
    await nothingLeft(server);
  });

  it('given a loss longer than commandTimeout, then callers are told when it is over, and later callers at once', async () => {
    const { proxy, locks } = await proxied({ commandTimeout: 600 });
    const since = performance.now();
    await away(locks, proxy);
    const calls = [passing(locks, 'a', 60_000), passing(locks, 'b', 60_000)];
    const third = until(since + 300).then(() => passing(locks, 'a', 60_000));
    expect(await Promise.all([...calls, third])).toEqual(Array(3).fill('LOCK_STORE'));
    const took = performance.now() - since;
    expect(took).toBeGreaterThanOrEqual(590);
    expect(took).toBeLessThan(600 + LOADED);
    const late = await timed(passing(locks, 'a', 60_000));
    expect(late.value).toBe('LOCK_STORE');
    expect(late.waited).toBeLessThan(200);
    proxy.accept();
    await eventuallyTrue(() => locks.client.status === 'ready');
    // commandTimeout counts from the loss of the connection, anew each time.
    await eventually(async () => expect(await passing(locks, 'a', 60_000)).toBe('granted'));
    await away(locks, proxy);
    const again = passing(locks, 'a', 60_000);
    proxy.accept();
    expect(await again).toBe('granted');
  });

  it('given a lost reply and no resending, then the key is requested again, and the first token released', async () => {
    const { server, proxy, locks } = await proxied({ redis: { autoResendUnfulfilledCommands: false } });
    const client = server.client();
    proxy.dropReplies();
    const { value: lock, waited } = await timed(
      (async () => {
        const requesting = locks.service.acquire('k', { wait: 8_000 });
        await eventually(async () => expect(await client.exists('lock:k')).toBe(1));
        const unheard = await client.get('lock:k');
        proxy.cut();
        proxy.release();
        const granted = await requesting;
        expect(granted.token).not.toBe(unheard);
        return granted;
      })(),
    );
    // The lock was granted long before the time-out of the lost command.
    expect(waited).toBeLessThan(COMMAND_TIMEOUT);
    expect(await client.get('lock:k')).toBe(lock.token);
    expect(lock.held).toBe(true);
    expect(await lock.release()).toBe(true);
    await nothingLeft(server);
  });

  it('given CLIENT KILL again and again under load, then every caller is granted', async () => {
    const server = stopping(await startRedis());
    const locks = locksFor(server);
    await (await locks.service.acquire('warm')).release();
    const admin = server.client();
    const end = performance.now() + 2_000;
    const load = arrivals(locks);
    const killing = (async () => {
      while (performance.now() < end) {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await eventuallyTrue(() => locks.client.status === 'ready');
      }
    })();
    await killing;
    expect(new Set(await load.end())).toEqual(new Set(['granted']));
  });
});

describe('a server that refuses', () => {
  const demote = (server: RedisServer): Promise<unknown> =>
    server.client().call('REPLICAOF', '127.0.0.1', '1');
  const promote = (server: RedisServer): Promise<unknown> => server.client().call('REPLICAOF', 'NO', 'ONE');

  it('given a replica for less than commandTimeout, then callers are served once it is a master', async () => {
    const server = stopping(await startRedis());
    const locks = locksFor(server);
    await (await locks.service.acquire('warm')).release();
    await demote(server);
    const since = performance.now();
    expect(await passing(locks, 'k', 0)).toBe('LOCK_STORE');
    const calls = Array.from({ length: 10 }, (_, i) => passing(locks, `k${i % 5}`, 8_000));
    await until(since + 400);
    calls.push(passing(locks, 'k0', 8_000));
    await promote(server);
    const { value, waited } = await timed(Promise.all(calls));
    expect(new Set(value)).toEqual(new Set(['granted']));
    expect(waited).toBeLessThan(LOADED);
    await nothingLeft(server);
  });

  it('given a replica for longer, then callers are told after commandTimeout, and later callers of any key at once', async () => {
    const server = stopping(await startRedis());
    const locks = locksFor(server, { commandTimeout: 2_000 });
    await (await locks.service.acquire('warm')).release();
    await demote(server);
    const { value, waited } = await timed(
      locks.service.acquire('k', { wait: '60s' }).catch((reason: unknown) => reason),
    );
    expect(value).toMatchObject({ code: 'LOCK_STORE', message: expect.stringMatching(/READONLY/) });
    expect(waited).toBeGreaterThan(1_800);
    expect(waited).toBeLessThan(2_000 + LOADED);
    const late = await timed(Promise.all(['k', 'x', 'y'].map((key) => passing(locks, key, 60_000))));
    expect(late.value).toEqual(Array(3).fill('LOCK_STORE'));
    // Far less than another commandTimeout, also on a busy machine.
    expect(late.waited).toBeLessThan(1_500);
    await promote(server);
    expect(await passing(locks, 'k', 8_000)).toBe('granted');
  });

  it('given a lasting cause, then callers are told at once', async () => {
    const server = stopping(await startRedis());
    const locks = locksFor(server);
    await (await locks.service.acquire('warm')).release();
    await server.client().rpush('lock:k', 'x');
    const { value, waited } = await timed(passing(locks, 'k', 60_000));
    expect(value).toBe('LOCK_STORE');
    expect(waited).toBeLessThan(500);
  });
});

describe('a fail-over of Sentinel that an operator requests', () => {
  it('given load, then every caller with time to wait is granted', async () => {
    const master = await startRedis();
    const replica = await startReplica(master);
    const sentinel = await startSentinel(master);
    for (const each of [sentinel, replica, master]) stopping(each);
    const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
    // A long commandTimeout: the test is not about how long a fail-over of its servers takes.
    const locks = locksFor(
      { url: 'redis://' },
      {
        commandTimeout: 10_000,
        // If the new master missed a release, the key stays taken for a ttl.
        defaults: { ttl: '2s' },
        redis: { sentinels, name: MASTER, failoverDetector: true, host: undefined, port: undefined },
      },
    );
    await (await locks.service.acquire('warm')).release();
    const load = arrivals(locks);
    await sentinel.failOver();
    await eventuallyTrue(async () => (await replica.client().info('replication')).includes('role:master'), {
      within: 20_000,
    });
    const connected = (): boolean =>
      (locks.client as unknown as { stream?: { remotePort?: number } }).stream?.remotePort === replica.port;
    await eventuallyTrue(connected, { within: 20_000 });
    await eventually(async () => expect(await passing(locks, 'last', 8_000)).toBe('granted'));
    expect(new Set(await load.end())).toEqual(new Set(['granted']));
  }, 60_000);
});
