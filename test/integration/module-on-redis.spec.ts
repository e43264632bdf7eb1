/** LockModule on a real Redis: its own client, the application's client, and a Redis that is down. */
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { LockModule, LockService, type RedisLike, getLockStoreToken, memoryStore } from 'nestjs-locked';
import type { LockStore } from 'nestjs-locked/store';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';
import { endAfterTest, endAll, connectionsOf, init, start, startServer } from '../support/module-apps.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await endAll();
});

/** Holds the key "a" by the module, and tells whether Redis has the name `lock` meanwhile. */
async function locksIn(server: RedisServer, locks: LockService, lock = 'lock:a'): Promise<boolean> {
  const client = server.client();
  return locks.using('a', async () => (await client.exists(lock)) === 1);
}

/** A client of the application, closed after the test. Its errors are not printed. */
function quiet<C extends Redis | Redis5>(client: C): C {
  client.on('error', () => undefined);
  endAfterTest(() => client.disconnect());
  return client;
}

function closable(): { store: LockStore; close: jest.Mock<() => Promise<void>> } {
  const close = jest.fn<() => Promise<void>>().mockResolvedValue(undefined);
  const inner = memoryStore();
  return { store: { open: (session, listener) => inner.open(session, listener), close }, close };
}

describe('LockModule on Redis', () => {
  it.each([
    ['a URL', (server: RedisServer) => server.url],
    ['ioredis options', (server: RedisServer) => ({ host: '127.0.0.1', port: server.port })],
  ])('given %s, then locks are in Redis, and the module closes its own client', async (_title, option) => {
    const server = await startServer();
    const app = await start(LockModule.forRoot({ redis: option(server) }));
    await expect(locksIn(server, app.get(LockService))).resolves.toBe(true);
    const list = () => server.client().call('CLIENT', 'LIST') as Promise<string>;
    expect(await list()).toContain('name=nestjs-locked ');
    await app.close();
    await eventually(async () => expect(await list()).not.toContain('nestjs-locked'));
  });

  it.each([
    ['ioredis 6', (options: { port: number; keyPrefix?: string }) => new Redis(options)],
    ['ioredis 5', (options: { port: number; keyPrefix?: string }) => new Redis5(options)],
  ])(
    "given the application's own Redis of %s, then locks are in it, and the module never closes it",
    async (_title, make) => {
      const server = await startServer();
      const client = make({ port: server.port, keyPrefix: 'app:' });
      endAfterTest(() => client.disconnect());
      const app = await start(LockModule.forRoot({ redis: client, prefix: 'l:' }));
      await expect(locksIn(server, app.get(LockService), 'app:l:a')).resolves.toBe(true);
      await app.close();
      expect(client.status).toBe('ready');
      await expect(client.ping()).resolves.toBe('PONG');
    },
  );

  it("given the application's own Cluster of either version, then locks are in it", async () => {
    const cluster = await startRedisCluster();
    endAfterTest(() => cluster.stop());
    const five = new Cluster5([...cluster.startupNodes]);
    endAfterTest(() => five.disconnect());
    const six = cluster.client();
    for (const client of [six, five] as Array<RedisLike & { exists(key: string): Promise<number> }>) {
      const app = await start(LockModule.forRoot({ redis: client }));
      const seen = await app.get(LockService).using('a', () => client.exists('lock:a'));
      expect(seen).toBe(1);
      await app.close();
      expect(client.status).toBe('ready');
      await expect(client.exists('lock:a')).resolves.toBe(0);
    }
  });

  it('given a name, then the connection carries it', async () => {
    const server = await startServer();
    await start(LockModule.forRoot({ name: 'the bills', redis: server.url }));
    await eventually(async () =>
      expect(await server.client().call('CLIENT', 'LIST')).toContain('name=nestjs-locked:the_bills '),
    );
  });

  it('given a test that overrides the store, then no connection is opened, and the override is not closed', async () => {
    const server = await startServer();
    const before = await connectionsOf(server);
    const { store, close } = closable();
    const app = await init(
      await Test.createTestingModule({ imports: [LockModule.forRoot({ redis: server.url })] })
        .overrideProvider(getLockStoreToken())
        .useValue(store)
        .compile(),
    );
    await expect(app.get(LockService).using('a', async () => 'runs')).resolves.toBe('runs');
    await app.close();
    expect(await connectionsOf(server)).toBe(before + 1);
    expect(close).not.toHaveBeenCalled();
  });

  it('given a start that fails, then no connection was opened', async () => {
    const server = await startServer();
    const before = await connectionsOf(server);
    @Injectable()
    class Failing implements OnModuleInit {
      onModuleInit() {
        throw new Error('a start that fails');
      }
    }
    const compiled = await Test.createTestingModule({
      imports: [LockModule.forRoot({ redis: server.url })],
      providers: [Failing],
    }).compile();
    await expect(compiled.init()).rejects.toThrow('a start that fails');
    expect(await connectionsOf(server)).toBe(before + 1);
  });

  it('given no Redis, then the application starts, locks fail, one warning says so, and locks recover', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    const server = await startServer();
    const { url } = server;
    await server.stop();
    const began = performance.now();
    const app = await start(LockModule.forRoot({ redis: url, commandTimeout: '1s' }));
    expect(performance.now() - began).toBeLessThan(1_000);
    const locks = app.get(LockService);
    await expect(locks.acquire('a', { wait: '3s' })).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(warn.mock.calls.flat().filter((text) => /ECONNREFUSED/.test(String(text)))).toHaveLength(1);
    await server.restart();
    await eventually(() => locks.using('a', async () => undefined), { within: 10_000 });
    await eventually(() => expect(log.mock.calls.flat().join()).toContain('answers again'));
  });

  it.each([
    ['its own client', (url: string) => url],
    ["the application's client", (url: string) => quiet(new Redis(url))],
    ["the application's client of ioredis 5", (url: string) => quiet(new Redis5(url))],
  ])(
    'given a wrong password on %s, then the error names the cause, and the password is shown nowhere',
    async (_title, option) => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const server = await startRedis({ config: { requirepass: 'hunter2' } });
      endAfterTest(() => server.stop());
      const app = await start(LockModule.forRoot({ redis: option(server.url.replace('hunter2', 'wr0ng')) }));
      const failure: unknown = await app
        .get(LockService)
        .acquire('a')
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/WRONGPASS|NOAUTH/),
      });
      expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('wr0ng');
      expect(warn.mock.calls.flat().join()).not.toContain('wr0ng');
    },
  );

  it('given no Redis, then the application closes', async () => {
    const server = await startServer();
    await server.stop();
    const app = await start(LockModule.forRoot({ redis: server.url }));
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});
