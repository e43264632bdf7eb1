/** A Redis that cannot be reached, and is not about to be: what callers and the log are told, and how soon. */
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
      'know no master of that name, and are asked for nothing else',
      /invalid reply.*check "name"/s,
      { name: 'wrong', updateSentinels: false },
    ],
    ['refuse the password', /WRONGPASS.*"sentinelPassword"/s, { sentinelPassword: 'wr0ng' }],
    ['ask for a password', /NOAUTH.*"sentinelPassword"/s, { sentinelPassword: undefined }],
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
  ])('ioredis %s', (_version, make) => {
    it.each(CASES)('%s: calls fail at once, and say so', async (_name, says, wrong) => {
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
      // The first requests while the sentinels are being requested.
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
    });
  });

  it('of a client that is not listened to by the application are known to the module, which leaves its errors alone', async () => {
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

  it('are named in the log, once, and so is their master when it is found', async () => {
    const { port } = await sentinelOf();
    const lines: string[] = [];
    const target = checkRedis('redis', {
      sentinels: [{ host: '127.0.0.1', port }],
      name: 'wrong',
      sentinelPassword: SECRET,
    });
    const log = {
      warn: (line: string) => lines.push(`warn ${line}`),
      log: (line: string) => lines.push(line),
    };
    const { client, connect, watch } = connectRedis(target, {
      connectionName: 'test',
      commandTimeout: 500,
      log,
    });
    const { service } = locksOf(client);
    connect();
    await eventually(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toMatch(
      /^warn Redis at the sentinels' master "wrong" cannot be found: .*No such master/,
    );
    Object.assign(client.options, { name: MASTER });
    await eventuallyTrue(() => client.status === 'ready');
    await (await service.acquire('k')).release();
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/answers again/);
    watch.end();
  });
});

describe('a client that has ended', () => {
  const TRUTH = /Nothing connects it again.*onApplicationShutdown.*"retryStrategy"/s;

  /** A lock is held; then the client ends. */
  async function expectTruth<Client extends RedisLike>(
    client: Client,
    end: () => unknown,
  ): Promise<Locks<Client>> {
    client.on('error', () => undefined);
    const locks = locksOf(client);
    const { service, events } = locks;
    const lock = await service.acquire('held');
    // Not the status: a Cluster does not stay at "end".
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
    // Its lease had not ended: nobody else had it.
    expect(await lock.release()).toBe(true);
    // What the log says is what these events say.
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
    'as the application closed it (ioredis %s): calls fail at once with the truth; connected again, it works',
    async (_v, make) => {
      const { port } = await server();
      const client = make(port);
      const locks = await expectTruth(client, () => client.quit());
      await client.connect();
      await (await eventually(() => locks.service.acquire('k'))).release();
      client.disconnect();
    },
  );

  it('as its retryStrategy released: calls fail at once with the truth', async () => {
    const redis = await server();
    await expectTruth(new Redis(redis.port, { retryStrategy: () => null }), () => redis.kill());
  });

  it('of a Cluster: calls fail at once with the truth', async () => {
    const cluster = stopping(await startRedisCluster());
    const client = new Cluster([...cluster.startupNodes]);
    await expectTruth(client, () => client.disconnect());
  }, 60_000);

  it('while Redis was away: the log says so once more, and not that it is tried again', async () => {
    const redis = await server();
    const lines: string[] = [];
    let tries = 0;
    const target = checkRedis('redis', {
      port: redis.port,
      retryStrategy: () => ((tries += 1) > 2 ? null : 10),
    });
    const log = { warn: (line: string) => lines.push(line), log: (line: string) => lines.push(line) };
    const { client, connect, watch } = connectRedis(target, {
      connectionName: 'test',
      commandTimeout: 500,
      log,
    });
    connect();
    await eventuallyTrue(() => client.status === 'ready');
    await redis.kill();
    await eventually(() => expect(lines).toHaveLength(2));
    expect(lines[0]).not.toMatch(/tried again/);
    expect(lines[1]).toMatch(/stays away.*Nothing connects it again/s);
    watch.end();
  });

  it('in onModuleDestroy, while a handler holds a lock: the log has the truth, and what to change', async () => {
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
    // Its lease had not ended: nobody else had it.
    expect(await lock.release()).toBe(true);
    await closing;
    const lines = warn.mock.calls.map(([line]) => String(line));
    expect(lines).toEqual([expect.stringMatching(TRUTH)]);
  });

  it('after app.close(): everything was given back, and nothing is logged', async () => {
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
