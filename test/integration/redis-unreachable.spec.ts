/** A Redis that cannot be reached, and will not be back by itself: the errors and log lines, and how soon they come. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type DynamicModule, Logger, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { LockModule, LockService } from 'nestjs-locked';
import { connectRedis } from '../../lib/stores/redis/opening/redis-client.factory.js';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { checkRedis } from '../../lib/stores/redis/opening/redis-option.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, locksWith } from '../support/locks.js';
import { MASTER, type RedisSentinel, startSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';
import { timed } from '../support/waits.js';

const opened: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) {
    await each.close?.();
    await each.stop?.();
  }
  jest.restoreAllMocks();
});

/** Stopped after the test. */
function stopping<T extends { stop(): Promise<void> }>(started: T): T {
  opened.push(started);
  return started;
}

/** Closed after the test, before the servers. */
function locksOf<Client extends RedisLike>(client: Client): Locks<Client> {
  const locks = locksWith(client, {});
  opened.unshift(locks);
  return locks;
}

describe('sentinels that lead to no master', () => {
  const SECRET = 's3ntinel';

  async function sentinelOf(): Promise<RedisSentinel> {
    const master = await startRedis();
    const sentinel = stopping(await startSentinel(master, { password: SECRET }));
    stopping(master);
    return sentinel;
  }

  const CASES: [string, RegExp, RedisOptions | ((port: number) => RedisOptions)][] = [
    ['know no master of that name', /No such master.*check "name"/s, { name: 'wrong' }],
    [
      'know no master of that name, with updateSentinels off',
      /invalid reply.*check "name"/s,
      { name: 'wrong', updateSentinels: false },
    ],
    ['refuse the password', /WRONGPASS.*"sentinelPassword"/s, { sentinelPassword: 'wr0ng' }],
    ['require a password', /NOAUTH.*"sentinelPassword"/s, { sentinelPassword: undefined }],
    [
      'are away',
      /failed to connect to sentinel.*check "sentinels"/s,
      { sentinels: [{ host: '127.0.0.1', port: 1 }] },
    ],
    [
      'are away, or know no master of that name',
      /No such master.*check "name"/s,
      (port) => ({
        name: 'wrong',
        sentinels: [
          { host: '127.0.0.1', port: 1 },
          { host: '127.0.0.1', port },
        ],
      }),
    ],
  ];

  describe.each([
    ['6', (options: RedisOptions): RedisLike => new Redis(options)],
    ['5', (options: RedisOptions): RedisLike => new Redis5(options as object)],
  ])('with ioredis %s', (_version, make) => {
    it.each(CASES)(
      'given sentinels that %s, then calls fail at once with that cause',
      async (_name, says, wrong) => {
        const { port } = await sentinelOf();
        const options: RedisOptions = {
          sentinels: [{ host: '127.0.0.1', port }],
          name: MASTER,
          sentinelPassword: SECRET,
          ...(typeof wrong === 'function' ? wrong(port) : wrong),
        };
        const client = make(options);
        client.on('error', () => undefined);
        const { service } = locksOf(client);
        // The first calls are made while the client still queries the sentinels.
        for (let i = 0; i < 3; i += 1) {
          const calls = [service.acquire('k', { wait: '60s' }), service.tryAcquire('k')];
          const { value, waited } = await timed(Promise.allSettled(calls));
          for (const outcome of value) {
            expect(outcome).toMatchObject({
              status: 'rejected',
              reason: {
                code: 'LOCK_STORE',
                message: expect.stringMatching(says),
                cause: expect.objectContaining({ message: expect.stringMatching(/sentinel/) }),
              },
            });
            expect(String((outcome as PromiseRejectedResult).reason)).not.toMatch(/commandTimeout|wr0ng/);
          }
          expect(waited).toBeLessThan(1_500);
        }
      },
    );
  });

  it('given a client without a listener of the application, then the module knows the cause and leaves its errors alone', async () => {
    const { port } = await sentinelOf();
    const printed = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const sentinels = [{ host: '127.0.0.1', port }];
    const client = new Redis({ sentinels, name: 'wrong', sentinelPassword: SECRET });
    const { service } = locksOf(client);
    await expect(service.acquire('k')).rejects.toMatchObject({
      message: expect.stringMatching(/check "name"/),
    });
    await eventually(() => expect(printed).toHaveBeenCalled());
  });

  it('given a log, then the failure is logged once, and so is the master when it is found', async () => {
    const { port } = await sentinelOf();
    const logged: string[] = [];
    const target = checkRedis('redis', {
      sentinels: [{ host: '127.0.0.1', port }],
      name: 'wrong',
      sentinelPassword: SECRET,
    });
    const log = {
      warn: (message: string) => logged.push(`warn ${message}`),
      log: (message: string) => logged.push(message),
    };
    const { client, connect, watch } = connectRedis(target, {
      connectionName: 'test',
      commandTimeout: 500,
      log,
    });
    const { service } = locksOf(client);
    connect();
    await eventually(() => expect(logged).toHaveLength(1));
    expect(logged[0]).toMatch(
      /^warn Redis at the sentinels' master "wrong" cannot be found: .*No such master/,
    );
    Object.assign(client.options, { name: MASTER });
    await eventuallyTrue(() => client.status === 'ready');
    await (await service.acquire('k')).release();
    expect(logged).toHaveLength(2);
    expect(logged[1]).toMatch(/answers again/);
    watch.end();
  });
});

describe('a client that has ended', () => {
  const TRUTH = /Nothing connects it again.*onApplicationShutdown.*"retryStrategy"/s;

  /** Holds a lock, ends the client, and expects every error to say that nothing connects it again. */
  async function expectTruth<Client extends RedisLike>(
    client: Client,
    end: () => unknown,
  ): Promise<Locks<Client>> {
    client.on('error', () => undefined);
    const locks = locksOf(client);
    const { service, events } = locks;
    const lock = await service.acquire('held');
    // The event, not the status: a Cluster does not stay at "end".
    const ended = new Promise((resolve) => client.on('end', resolve));
    await end();
    await ended;
    const { value, waited } = await timed(
      Promise.allSettled([service.acquire('k', { wait: '60s' }), service.tryAcquire('k')]),
    );
    for (const outcome of value) {
      expect(outcome).toMatchObject({
        reason: { code: 'LOCK_STORE', message: expect.stringMatching(TRUTH) },
      });
    }
    expect(waited).toBeLessThan(500);
    // The lease had not ended, so no other caller had the lock.
    expect(await lock.release()).toBe(true);
    // The log lines are made from these events.
    expect(events.length).toBeGreaterThan(0);
    for (const { error } of events) {
      expect((error as Error).message).toMatch(TRUTH);
      expect((error as Error).message).not.toMatch(/tried again/);
    }
    return locks;
  }

  const server = async (): Promise<RedisServer> => stopping(await startRedis());

  it.each([
    ['6', (port: number): RedisLike & { quit(): Promise<unknown> } => new Redis(port)],
    ['5', (port: number): RedisLike & { quit(): Promise<unknown> } => new Redis5(port)],
  ])(
    'given an application that closed it (ioredis %s), then calls fail at once with the cause; reconnected, they work',
    async (_v, make) => {
      const { port } = await server();
      const client = make(port);
      const locks = await expectTruth(client, () => client.quit());
      await client.connect();
      await (await eventually(() => locks.service.acquire('k'))).release();
      client.disconnect();
    },
  );

  it('given a retryStrategy that stopped, then calls fail at once with the cause', async () => {
    const redis = await server();
    await expectTruth(new Redis(redis.port, { retryStrategy: () => null }), () => redis.kill());
  });

  it('given a Cluster, then calls fail at once with the cause', async () => {
    const cluster = stopping(await startRedisCluster());
    const client = new Cluster([...cluster.startupNodes]);
    await expectTruth(client, () => client.disconnect());
  }, 60_000);

  it('given an outage, then the log says once more that nothing connects it, and not that it is tried again', async () => {
    const redis = await server();
    const logged: string[] = [];
    let tries = 0;
    const target = checkRedis('redis', {
      port: redis.port,
      retryStrategy: () => ((tries += 1) > 2 ? null : 10),
    });
    const note = (message: string): unknown => logged.push(message);
    const log = { warn: note, log: note };
    const { client, connect, watch } = connectRedis(target, {
      connectionName: 'test',
      commandTimeout: 500,
      log,
    });
    connect();
    await eventuallyTrue(() => client.status === 'ready');
    await redis.kill();
    await eventually(() => expect(logged).toHaveLength(2));
    expect(logged[0]).not.toMatch(/tried again/);
    expect(logged[1]).toMatch(/stays away.*Nothing connects it again/s);
    watch.end();
  });

  it('given an end in onModuleDestroy while a lock is held, then the log has the cause and the cure', async () => {
    const { port } = await server();
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const redis = new Redis(port);
    @Module({})
    class Clients implements OnModuleDestroy {
      async onModuleDestroy(): Promise<void> {
        await redis.quit();
      }
    }
    const app = await NestFactory.createApplicationContext(withLocks(redis, Clients), { logger: false });
    const lock = await app.get(LockService).acquire('k');
    const closing = app.close();
    await eventuallyTrue(() => redis.status === 'end');
    // The lease had not ended, so no other caller had the lock.
    expect(await lock.release()).toBe(true);
    await closing;
    expect(warn.mock.calls.map(([message]) => String(message))).toEqual([expect.stringMatching(TRUTH)]);
  });

  it('given an end after app.close(), then every lock was released, and nothing is logged', async () => {
    const redis = await server();
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const client = new Redis(redis.port);
    const app = await NestFactory.createApplicationContext(withLocks(client), { logger: false });
    const lock = await app.get(LockService).acquire('k');
    const closing = app.close();
    expect(await lock.release()).toBe(true);
    await closing;
    await client.quit();
    expect(await redis.client().exists('lock:k')).toBe(0);
    expect(warn).not.toHaveBeenCalled();
  });

  function withLocks(redis: Redis, ...imports: (new () => object)[]): DynamicModule {
    @Module({})
    class App {}
    return { module: App, imports: [...imports, LockModule.forRoot({ redis })] };
  }
});
