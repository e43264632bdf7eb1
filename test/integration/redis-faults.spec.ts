/** What callers see if Redis fails: which error, how soon, and that nothing is left behind. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { LockStoreError } from '../../lib/errors/index.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis, startReplica } from '../support/redis-server.js';

const opened: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];

/** Locks that are closed after the test. */
function locksFor(target: { readonly url: string }, options?: LocksOptions): Locks {
  const locks = locksOn(target, options);
  opened.unshift(locks);
  return locks;
}

/** A server that is stopped after the test, when its clients have been closed. */
async function serverFor(options?: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const server = await startRedis(options);
  opened.push(server);
  return server;
}

afterEach(async () => {
  for (const each of opened.splice(0)) {
    await each.close?.();
    await each.stop?.();
  }
});

/** Expects every method to fail alike: with a LockStoreError that says why, in time, and without running the work. */
async function expectFailures(locks: Locks, says: RegExp, { key = 'k', wait = 1_000, within = 5_000 } = {}) {
  const ran: string[] = [];
  const since = performance.now();
  const { service } = locks;
  const attempts: Record<string, Promise<unknown>> = {
    acquire: service.acquire(key, { wait }),
    tryAcquire: service.tryAcquire(key),
    using: service.using(key, { wait }, () => void ran.push('work')),
    'acquire without wait': service.acquire(key, { wait: 0 }),
    'several keys': service.acquire(['a', key, 'z'], { wait }),
    'tryAcquire of several keys': service.tryAcquire([key, 'z']),
  };
  await Promise.all(
    Object.entries(attempts).map(async ([name, attempt]) => {
      const error = await attempt.then(
        (value) => `resolved with ${inspect(value)}`,
        (reason: unknown) => reason,
      );
      expect([name, error]).toEqual([name, expect.any(LockStoreError)]);
      expect((error as Error).message).toMatch(says);
      expect(performance.now() - since).toBeLessThan(within);
    }),
  );
  expect(ran).toEqual([]);
}

/** Expects that no key is held and no queue is left. */
async function expectNothingLeft(client: Redis): Promise<void> {
  const keys = await client.keys('lock:*');
  expect(keys.filter((key) => key !== 'lock:~nl:f')).toEqual([]);
}

describe('Redis down', () => {
  it('given a start without Redis, then locks fail with LOCK_STORE, never as busy, and recover without a restart', async () => {
    const server = await serverFor();
    await server.kill();
    const locks = locksFor(server);
    await expectFailures(locks, /not connected: .*ECONNREFUSED/);
    // The client knows by now that Redis is down, so no call waits.
    await expectFailures(locks, /not connected: .*ECONNREFUSED .*tried again in the background/, {
      wait: 60_000,
      within: 10_000,
    });
    await server.restart();
    const lock = await eventually(() => locks.service.acquire('k'));
    expect(lock.held).toBe(true);
    expect(await lock.release()).toBe(true);
    await expectNothingLeft(server.client());
  });

  it('given calls that failed during a long outage, then none of them runs when Redis is back', async () => {
    const server = await serverFor();
    const locks = locksFor(server);
    await (await locks.service.acquire('k')).release();
    await server.kill();
    await eventuallyTrue(() => locks.client.status === 'reconnecting');
    const attempts = Array.from({ length: 200 }, (_, i) => locks.service.tryAcquire(`k${i}`));
    expect((await Promise.allSettled(attempts)).every(({ status }) => status === 'rejected')).toBe(true);
    await server.restart();
    await eventually(async () => (await locks.service.acquire('k')).release());
    const stats = await server.client().info('commandstats');
    const scripts = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].map(([, calls]) =>
      Number(calls),
    );
    // An acquisition and a release, perhaps one more. The failed calls never left this process, so they add nothing.
    expect(scripts.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(6);
  });

  it('given a held lock, then its release resolves, and the key is freed once Redis is back', async () => {
    const server = await serverFor();
    const client = server.client();
    const locks = locksFor(server, { redis: { retryStrategy: () => 300 } });
    const lock = await locks.service.acquire('k');
    locks.client.disconnect(true);
    await eventuallyTrue(() => locks.client.status === 'reconnecting');
    // The lease had not ended, so no other caller had the lock.
    expect(await lock.release()).toBe(true);
    expect(await client.get('lock:k')).toBe(lock.token);
    await eventually(() => expectNothingLeft(client));
  });
});

describe('a login that fails', () => {
  it.each([
    ['a wrong password', (port: number) => `redis://:wr0ng-s3cret@127.0.0.1:${port}`, /WRONGPASS/],
    ['a wrong user', (port: number) => `redis://bob:wr0ng-s3cret@127.0.0.1:${port}`, /WRONGPASS/],
    ['no password', (port: number) => `redis://127.0.0.1:${port}`, /NOAUTH/],
  ])(
    'given %s, then the error names the cause and the cure, and shows no password',
    async (_name, url, says) => {
      const server = await serverFor({ config: { requirepass: 'right' } });
      const locks = locksFor({ url: url(server.port) });
      await expectFailures(locks, says);
      await expectFailures(locks, says);
      const error = await locks.service.acquire('k').catch((reason: unknown) => reason);
      expect((error as Error).message).toMatch(/in the "redis" option/);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('wr0ng-s3cret');
      await expectNothingLeft(server.client());
    },
  );
});

describe('a read-only replica', () => {
  it("given a replica that shows another holder's key, then the error names the replica and never says busy", async () => {
    const master = await serverFor();
    const replica = await startReplica(master);
    opened.unshift(replica);
    const locks = locksFor(replica);
    await expectFailures(locks, /READONLY.*point the "redis" option at the master/s);
    await expectNothingLeft(master.client());

    const held = await locksFor(master).service.acquire('k');
    await eventually(async () => expect(await replica.client().get('lock:k')).toBe(held.token));
    await expectFailures(locks, /READONLY/);
    await held.release();
  });
});

describe('a Redis user without a right', () => {
  let server: RedisServer;
  let admin: Redis;
  beforeAll(async () => {
    server = await startRedis();
    admin = server.client();
  });
  afterAll(() => server.stop());
  beforeEach(() => admin.flushall());

  const user = async (...rules: string[]): Promise<{ url: string }> => {
    await admin.call('ACL', 'SETUSER', 'bob', 'reset', 'on', '>pw', '~lock:*', '&lock:*', '+@all', ...rules);
    return { url: `redis://bob:pw@127.0.0.1:${server.port}` };
  };

  it('given the keys and channels of the prefix alone, then locks and hand-offs work', async () => {
    const locks = locksFor(await user());
    const other = locksFor(server);
    const held = await other.service.acquire('k');
    const waiting = locks.service.acquire('k');
    await eventually(async () => expect(await admin.zcard('lock:~nl:q:k')).toBe(1));
    await held.release();
    await (await waiting).release();
    expect(locks.warnings).toEqual([]);
  });

  it.each([
    ['to EVALSHA', ['-evalsha'], /NOPERM.*evalsha.*lacks a right.*EVALSHA/s],
    ['to EVAL', ['-eval'], /NOPERM.*eval.*lacks a right.*EVAL/s],
    ['to a command of the script', ['-set'], /lacks a right: .*SET/s],
    ['to the keys', ['resetkeys', '~other:*'], /NOPERM.*lacks a right.*"<prefix>\*"/s],
    ['to write the keys', ['resetkeys', '%R~lock:*'], /lacks a right.*"<prefix>\*"/s],
    ['to write the fences', ['resetkeys', '~lock:k', '~lock:a', '~lock:z', '%R~lock:*'], /lacks a right/],
    ['to TIME', ['-time'], /NOPERM.*time.*lacks a right.*TIME/s],
    ['to anything', ['nocommands', '+info'], /NOPERM.*lacks a right/s],
  ])('given a user without the right %s, then the error names the right', async (_name, rules, says) => {
    await admin.call('SCRIPT', 'FLUSH');
    const locks = locksFor(await user(...rules));
    await expectFailures(locks, says);
    await eventually(() => expectNothingLeft(admin));
  });

  it("given a user without SUBSCRIBE, then a wait fails with the right's name, and a free key is granted", async () => {
    const other = locksFor(server);
    const held = await other.service.acquire('k');
    for (const rules of [['-subscribe'], ['resetchannels']]) {
      const locks = locksFor(await user(...rules));
      await expect(locks.service.acquire('k')).rejects.toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/subscribing to the channel "lock:~nl:w:.*NOPERM.*SUBSCRIBE/s),
      });
      expect(await locks.service.tryAcquire('k')).toBeNull();
      const free = await locks.service.acquire('free');
      expect(await free.release()).toBe(true);
    }
    expect(await held.release()).toBe(true);
    await expectNothingLeft(admin);
  });

  it('given a holder without PUBLISH, then one warning names it, and waiters get the lock by checks', async () => {
    const locks = locksFor(await user('-publish'));
    const other = locksFor(server);
    for (let i = 0; i < 2; i += 1) {
      const held = await locks.service.acquire('k');
      const waiting = other.service.acquire('k');
      await eventually(async () => expect(await admin.zcard('lock:~nl:q:k')).toBe(1));
      const released = performance.now();
      expect(await held.release()).toBe(true);
      const lock = await waiting;
      expect(performance.now() - released).toBeLessThan(2_500);
      await lock.release();
    }
    expect(locks.warnings).toEqual([expect.stringMatching(/refuses PUBLISH .*channels "lock:~nl:w:\*"/s)]);
    expect(other.warnings).toEqual([]);
    await expectNothingLeft(admin);
  });

  it('given a right that is lost during a wait, then short waits fail with its name, and long waits go on once it is back', async () => {
    const target = await user();
    const locks = locksFor(target, { commandTimeout: 500 });
    const other = locksFor(server);
    const held = await other.service.acquire('k', { ttl: '60s' });
    const patient = locks.service.acquire('k', { wait: '20s' });
    const hasty = locks.service.acquire('k', { wait: 2_500 });
    await eventually(async () => expect(await admin.zcard('lock:~nl:q:k')).toBe(1));
    await admin.call('ACL', 'SETUSER', 'bob', '-evalsha');
    await expect(hasty).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/NOPERM/),
    });
    await admin.call('ACL', 'SETUSER', 'bob', '+evalsha');
    await held.release();
    await (await patient).release();
    await eventually(() => expectNothingLeft(admin));
  });
});

describe('a node of a Cluster behind a client for one Redis', () => {
  it('given keys of several slots, then the error says that a Cluster client is needed', async () => {
    const server = await serverFor({ config: { 'cluster-enabled': 'yes' } });
    const client = server.client();
    const slots = Array.from({ length: 16_384 }, (_, slot) => String(slot));
    await client.call('CLUSTER', 'ADDSLOTS', ...slots);
    await eventually(async () => expect(await client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'));
    await expectFailures(locksFor(server), /CROSSSLOT.* slot\. .*give a Cluster client of ioredis/s);
  });
});

describe('Redis out of memory', () => {
  it('given no free memory, then requests fail with that cause, and held locks are renewed, handed off and released', async () => {
    const server = await serverFor();
    const client = server.client();
    const locks = locksFor(server);
    const other = locksFor(server);
    const held = await locks.service.acquire('held');
    const handed = await locks.service.acquire('handed');
    const waiting = other.service.acquire('handed');
    const elsewhere = await other.service.acquire('elsewhere');
    await eventually(async () => expect(await client.zcard('lock:~nl:q:handed')).toBe(1));
    await client.config('SET', 'maxmemory', '1');

    await expectFailures(locks, /OOM.*free memory, or raise "maxmemory"/s);
    // By another client, which has nothing to release. A release writes, and Redis then lets the rest of its script pass.
    await expectFailures(locksFor(server), /OOM/, { key: 'elsewhere' });
    await held.extend('60s');
    expect(await client.pttl('lock:held')).toBeGreaterThan(30_000);
    expect(await held.release()).toBe(true);
    expect(await elsewhere.release()).toBe(true);
    expect(await handed.release()).toBe(true);
    const lock = await waiting;
    expect(lock.fence).toBeGreaterThan(handed.fence);
    expect(await lock.release()).toBe(true);
    await client.config('SET', 'maxmemory', '0');
    await expectNothingLeft(client);
    await (await locks.service.acquire('k')).release();
  });
});

describe('a foreign value at a name of the library', () => {
  it.each([
    ['the lock', 'lock:k', (client: Redis, key: string) => client.rpush(key, 'x')],
    ['the queue', 'lock:~nl:q:k', (client: Redis, key: string) => client.set(key, 'x')],
    ['the fence counter', 'lock:~nl:f', (client: Redis, key: string) => client.rpush(key, 'x')],
  ])(
    'given a foreign value at the name of %s, then the error names it, and the value stays as it is',
    async (_name, key, put) => {
      const server = await serverFor();
      const client = server.client();
      await put(client, key);
      const before = await client.dump(key);
      const locks = locksFor(server);
      await expectFailures(locks, /WRONGTYPE.*not a lock.*prefix/s);
      expect(await client.dump(key)).toEqual(before);
      await eventually(async () => {
        const others = (await client.keys('*')).filter((name) => name !== 'lock:~nl:f' && name !== key);
        expect(others).toEqual([]);
      });
    },
  );

  it('given a foreign value over a held lock, then the holder learns of the loss at the next renewal', async () => {
    const server = await serverFor();
    const client = server.client();
    const locks = locksFor(server);
    const lock = await locks.service.acquire('k', { ttl: 1_500 });
    await client.del('lock:k');
    await client.rpush('lock:k', 'x');
    await eventuallyTrue(() => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'not-owner' });
    expect(await lock.release()).toBe(false);
  });
});

describe('SCRIPT FLUSH', () => {
  it('given a flush between any two commands, then no caller notices', async () => {
    const server = await serverFor();
    const client = server.client();
    const locks = locksFor(server);
    const other = locksFor(server);
    for (let i = 0; i < 3; i += 1) {
      const lock = await locks.service.acquire('k');
      await client.script('FLUSH');
      await lock.extend('40s');
      const waiting = other.service.acquire('k');
      await eventually(async () => expect(await client.zcard('lock:~nl:q:k')).toBe(1));
      await client.script('FLUSH');
      expect(await lock.release()).toBe(true);
      const next = await waiting;
      await client.script('FLUSH');
      expect(await next.release()).toBe(true);
    }
    expect(locks.events).toEqual([]);
    await expectNothingLeft(client);
  });
});

describe('Redis restarted empty', () => {
  it('given held locks and waiters, then the holds are lost, waiters are granted, and fences still increase', async () => {
    const server = await serverFor();
    const locks = locksFor(server);
    const other = locksFor(server);
    const lock = await locks.service.acquire('k');
    const waiting = [other.service.acquire('k'), locks.service.acquire('k')];
    await eventually(async () => expect(await server.client().zcard('lock:~nl:q:k')).toBe(1));
    await server.restart();
    // Long before the end of its ttl of 30 s, and before its next renewal.
    await eventuallyTrue(() => lock.signal.aborted, { within: 9_000 });
    expect(lock.held).toBe(false);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', key: 'k', reason: 'not-owner' });
    expect(await lock.release()).toBe(false);
    const fences = await Promise.all(
      waiting.map(async (each) => {
        const next = await each;
        await next.release();
        return next.fence;
      }),
    );
    for (const fence of fences) expect(fence).toBeGreaterThan(lock.fence);
    await eventually(() => expectNothingLeft(server.client()));
  });
});

describe('Redis hung', () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await serverFor();
  });

  async function paused(locks: Locks): Promise<void> {
    await (await locks.service.acquire('warm')).release();
    server.pause();
  }

  it.each([true, false])(
    'given a wait limit, then it bounds the command in flight (connected before: %p)',
    async (connected) => {
      const locks = locksFor(server, { commandTimeout: 400 });
      if (connected) await paused(locks);
      else server.pause();
      await expectFailures(locks, /(did not|has not) answer/, { wait: 300, within: 5_000 });
      server.resume();
      const client = server.client();
      await eventually(() => expectNothingLeft(client));
      // The commands without a reply must not run now.
      await (await eventually(() => locks.service.acquire('k'))).release();
      await expectNothingLeft(client);
    },
  );

  it('given a wait shorter than a reply, then the command time-out bounds it, and the error is LOCK_STORE', async () => {
    const locks = locksFor(server, { commandTimeout: 600 });
    await paused(locks);
    const since = performance.now();
    await expect(locks.service.acquire('k', { wait: 20 })).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/did not answer/),
    });
    expect(performance.now() - since).toBeLessThan(1_200);
    server.resume();
    await eventually(() => expectNothingLeft(server.client()));
  });

  it('given an aborted signal, then calls with one key and with several keys end at once', async () => {
    const locks = locksFor(server, { commandTimeout: 5_000 });
    const other = locksFor(server);
    const z = await other.service.acquire('z');
    await (await locks.service.acquire('warm')).release();
    const abort = new AbortController();
    const several = locks.service.acquire(['y', 'z'], { wait: '30s', signal: abort.signal });
    await eventually(async () => expect(await server.client().exists('lock:y')).toBe(1));
    await eventually(async () => expect(await server.client().zcard('lock:~nl:q:z')).toBe(1));
    server.pause();
    const calls = [
      several,
      locks.service.acquire('k', { wait: '30s', signal: abort.signal }),
      locks.service.acquire('k', { wait: 0, signal: abort.signal }),
    ].map((call) => call.then(String, (error: unknown) => error));
    const since = performance.now();
    abort.abort(new Error('mine'));
    const outcomes = await Promise.all(calls);
    expect(performance.now() - since).toBeLessThan(300);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ code: 'LOCK_ABORTED', cause: new Error('mine') });
    }
    server.resume();
    await z.release();
    await eventually(() => expectNothingLeft(server.client()));
  });

  it('given a waiter that was told "busy" before, then a reply that never comes is LOCK_STORE, not LOCK_BUSY', async () => {
    const locks = locksFor(server, { commandTimeout: 2_000 });
    const other = locksFor(server);
    const held = await other.service.acquire('k');
    // The waiter checks after one second, and its wait ends before that check can time out.
    const waiting = locks.service.acquire('k', { wait: 2_500 }).catch((error: unknown) => error);
    await eventually(async () => expect(await server.client().zcard('lock:~nl:q:k')).toBe(1));
    const since = performance.now();
    server.pause();
    expect(await waiting).toMatchObject({ code: 'LOCK_STORE' });
    // The rejection comes within the wait and one time-out.
    expect(performance.now() - since).toBeLessThan(4_500);
    server.resume();
    await held.release();
    await eventually(() => expectNothingLeft(server.client()));
  });

  it('given releases, then they resolve within the command time-out and take effect later', async () => {
    const locks = locksFor(server, { commandTimeout: 400 });
    const lock = await locks.service.acquire('k');
    const pair = await locks.service.acquire(['a', 'b']);
    server.pause();
    const since = performance.now();
    // The leases had not ended, so no other caller had the locks.
    expect(await Promise.all([lock.release(), pair.release()])).toEqual([true, true]);
    expect(performance.now() - since).toBeLessThan(900);
    server.resume();
    await eventually(() => expectNothingLeft(server.client()));
  });

  it('given a close during a call, then the call settles within its bound', async () => {
    const locks = locksFor(server, { commandTimeout: 400 });
    await paused(locks);
    const trying = locks.service.tryAcquire('k').then(
      () => 'granted',
      ({ code }: { code: string }) => code,
    );
    await locks.engine.close();
    expect(await trying).toBe('LOCK_STORE');
    server.resume();
  });

  it('given a store that is closed alone, then callers that wait for a reply are rejected', async () => {
    const locks = locksFor(server, { commandTimeout: 60_000 });
    await paused(locks);
    const requesting = locks.service.acquire('k');
    const refused = expect(requesting).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/was closed/),
    });
    // The request is sent at the end of the tick.
    await new Promise(setImmediate);
    await locks.store.close();
    await refused;
    server.resume();
  });

  it('given hundreds of calls that failed, then a few commands at a time release them', async () => {
    const locks = locksFor(server, { commandTimeout: 200 });
    await paused(locks);
    for (let i = 0; i < 10; i += 1) {
      await Promise.allSettled(Array.from({ length: 50 }, (_, n) => locks.service.tryAcquire(`${i}:${n}`)));
    }
    // 500 calls hang in the socket. The number of further commands must not grow by 500 with each try.
    const queued = (locks.client as unknown as { commandQueue: { length: number } }).commandQueue.length;
    expect(queued).toBeLessThan(700);
    server.resume();
    await eventually(() => expectNothingLeft(server.client()));
  });
});
