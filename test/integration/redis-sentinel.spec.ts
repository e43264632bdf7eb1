/** A master that stood still, was replaced, and goes on when it is back. No lock may be acquired on it. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { LockModule, LockService } from 'nestjs-locked';
import { connectRedis } from '../../lib/stores/redis/opening/redis-client.factory.js';
import { checkRedis } from '../../lib/stores/redis/opening/redis-option.js';
import { eventually } from '../support/eventually.js';
import { MASTER, type RedisSentinel, startSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedis, startReplica } from '../support/redis-server.js';

const cleanups: Array<() => unknown> = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  jest.restoreAllMocks();
});

function quiet<C extends Redis | Redis5>(client: C): C {
  client.on('error', () => undefined);
  cleanups.push(() => client.status === 'end' || client.disconnect());
  return client;
}

const addresses = ({ port }: { port: number }) => ({
  sentinels: [{ host: '127.0.0.1', port }],
  name: MASTER,
});

describe('a master that stands still until a replica has taken over', () => {
  let old: RedisServer;
  let next: RedisServer;
  let sentinel: RedisSentinel;
  let warn: jest.SpiedFunction<Logger['warn']>;

  beforeEach(async () => {
    warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    old = await startRedis();
    cleanups.push(() => old.stop());
    next = await startReplica(old);
    cleanups.push(() => next.stop());
    sentinel = await startSentinel(old);
    cleanups.push(() => sentinel.stop());
    await eventually(async () => expect(await request('REPLICAS', MASTER)).toHaveLength(1), {
      within: 15_000,
    });
  });

  function request(...command: string[]): Promise<unknown> {
    const client = new Redis({ port: sentinel.port, protocol: 2 });
    return client.call('SENTINEL', ...command).finally(() => client.disconnect());
  }

  async function start(redis: unknown): Promise<LockService> {
    const module = LockModule.forRoot({ redis: redis as string, commandTimeout: '4s' });
    const app = await Test.createTestingModule({ imports: [module] }).compile();
    cleanups.push(() => app.close());
    await app.init();
    const locks = app.get(LockService);
    await locks.using('warm', async () => expect(await old.client().exists('lock:warm')).toBe(1));
    return locks;
  }

  /** The connections of the sentinel that wait for news of the master, by their ids. */
  async function watchers(): Promise<string[]> {
    const client = new Redis({ port: sentinel.port, protocol: 2 });
    const list = await client.call('CLIENT', 'LIST').finally(() => client.disconnect());
    return String(list)
      .split('\n')
      .filter((line) => / sub=1 /.test(line) && !line.includes(' name=told '))
      .map((line) => /^id=(\d+)/.exec(line)![1]);
  }

  /** The watcher of the connection for commands. The one for notifications opens when a caller waits. */
  function watched(): Promise<string[]> {
    return eventually(
      async () => {
        const found = await watchers();
        expect(found).toHaveLength(1);
        return found;
      },
      { within: 15_000 },
    );
  }

  /**
   * The old master stands still, is replaced, and then goes on as a master.
   * It stands still until each watcher has heard of it: two sockets get one message at two moments.
   */
  async function failOver(watching: readonly string[] = []): Promise<void> {
    const told = quiet(new Redis({ port: sentinel.port, connectionName: 'told' }));
    await told.subscribe('+switch-master');
    const switched = new Promise((resolve) => told.once('message', resolve));
    old.pause();
    await sentinel.failOver();
    await switched;
    await eventually(
      async () => expect((await watchers()).filter((id) => watching.includes(id))).toEqual([]),
      { within: 15_000 },
    );
    expect(await next.client().info('replication')).toContain('role:master');
    old.resume();
    expect(await old.client().info('replication')).toContain('role:master');
  }

  it.each([
    ['by the addresses of the sentinels', () => addresses(sentinel)],
    [
      'by a client of ioredis 6 that watches',
      () => quiet(new Redis({ ...addresses(sentinel), failoverDetector: true })),
    ],
    [
      'by a client of ioredis 5 that watches',
      () => quiet(new Redis5({ ...addresses(sentinel), failoverDetector: true })),
    ],
  ])(
    'given locks %s, then none is acquired on the old master, though it answers again',
    async (_way, redis) => {
      const locks = await start(redis());
      await failOver(await watched());
      for (let i = 0; i < 20; i += 1) {
        const key = `k${i}`;
        const held = await eventually(() => locks.acquire(key), { within: 15_000 });
        expect(await next.client().exists(`lock:${key}`)).toBe(1);
        await held.release();
      }
      expect(await old.client().keys('lock:k*')).toEqual([]);
      expect(warn.mock.calls.join()).not.toContain('failoverDetector');
    },
    60_000,
  );

  it('given a client of the application without failoverDetector, then a warning names it, and both masters grant', async () => {
    const locks = await start(quiet(new Redis(addresses(sentinel))));
    expect(warn.mock.calls.join()).toMatch(/without "failoverDetector".*min-replicas-to-write/);
    await failOver();
    await using _held = await locks.acquire('k');
    expect(await old.client().exists('lock:k')).toBe(1);
    expect(await next.client().set('lock:k', 'others', 'PX', 30_000, 'NX')).toBe('OK');
  }, 60_000);

  it('given masters that need a replica to write, then the old master refuses, without failoverDetector', async () => {
    await old.client().config('SET', 'min-replicas-to-write', '1');
    const locks = await start({ ...addresses(sentinel), failoverDetector: false });
    await failOver();
    await expect(locks.acquire('k', { wait: 0 })).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringMatching(/NOREPLICAS/),
    });
    expect(await old.client().exists('lock:k')).toBe(0);
  }, 60_000);
});

describe('the options for sentinels', () => {
  const log = { warn: jest.fn(), log: jest.fn() };
  const open = (redis: unknown) => {
    const { client } = connectRedis(checkRedis('redis', redis), {
      connectionName: 'x',
      commandTimeout: 500,
      log,
    });
    cleanups.push(() => client.disconnect());
    return client.options;
  };

  it.each([
    [{}, true],
    [{ failoverDetector: undefined }, true],
    [{ failoverDetector: false }, false],
  ])('given %j beside the sentinels, then failoverDetector is %p', (more, watches) => {
    expect(open({ ...addresses({ port: 1 }), ...more })).toMatchObject({ failoverDetector: watches });
    expect(log.warn).not.toHaveBeenCalled();
  });

  it('given either version of ioredis, then it has failoverDetector', () => {
    for (const client of [new Redis({ lazyConnect: true }), new Redis5({ lazyConnect: true })]) {
      expect(client.options).toHaveProperty('failoverDetector', false);
    }
  });
});
