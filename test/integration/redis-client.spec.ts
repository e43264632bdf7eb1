/** The client that the module opens, or gets from the application: where it connects, how it recovers, what it logs. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { LockStoreError } from '../../lib/errors/index.js';
import { messageOf } from '../../lib/stores/redis/errors/error-message.js';
import { addressOf } from '../../lib/stores/redis/health/connection-log.js';
import { keyPrefixOf } from '../../lib/stores/redis/client/key-prefix.js';
import { type RedisConnection, connectRedis } from '../../lib/stores/redis/opening/redis-client.factory.js';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { checkRedis } from '../../lib/stores/redis/opening/redis-option.js';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';

const cleanups: Array<() => unknown> = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function open(redis: unknown) {
  const logged: string[] = [];
  const connection = connectRedis(checkRedis('redis', redis), {
    connectionName: 'nestjs-locked:test',
    commandTimeout: 500,
    log: {
      warn: (message) => logged.push(`warn ${message}`),
      log: (message) => logged.push(`log ${message}`),
    },
  });
  const { client, owned } = connection;
  // A second disconnect() of ioredis leaves a timer of two seconds.
  if (owned) cleanups.push(() => client.status === 'end' || client.disconnect());
  return { ...connection, logged };
}

async function ready({ client, connect }: Pick<RedisConnection, 'client' | 'connect'>): Promise<void> {
  connect();
  await eventually(() => expect(client.status).toBe('ready'));
}

describe('a client that the module opens', () => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await startRedis({ config: { requirepass: 'hunter2' } });
    cleanups.push(() => server.stop());
  });

  it('given a URL, then it connects when it is told to, and shows its name to the server', async () => {
    const connection = open(server.url);
    expect(connection.owned).toBe(true);
    expect(connection.client.status).toBe('wait');
    await ready(connection);
    await expect(connection.client.call('CLIENT', 'GETNAME')).resolves.toBe('nestjs-locked:test');
    expect(connection.logged).toEqual([]);
  });

  it("given options, then the user's own options win, and unset ones are left out", async () => {
    const connection = open({
      host: '127.0.0.1',
      port: server.port,
      password: 'hunter2',
      db: 3,
      connectionName: 'mine',
      retryStrategy: undefined,
    });
    await ready(connection);
    await expect(connection.client.call('CLIENT', 'GETNAME')).resolves.toBe('mine');
    await expect(connection.client.call('CLIENT', 'INFO')).resolves.toContain(' db=3 ');
    expect(connection.client.options).toMatchObject({ maxRetriesPerRequest: null });
    expect(
      (connection.client.options as { retryStrategy: (n: number) => number }).retryStrategy(1),
    ).toBeLessThan(100);
  });

  it('given lazyConnect, then the first command connects it', async () => {
    const connection = open({ host: '127.0.0.1', port: server.port, password: 'hunter2', lazyConnect: true });
    connection.connect();
    expect(connection.client.status).toBe('wait');
    await connection.client.call('PING');
    expect(connection.client.status).toBe('ready');
  });

  it('given a server that goes away and returns, then each is logged once, and the client recovers', async () => {
    const connection = open(server.url);
    await ready(connection);
    await server.kill();
    await eventually(() => expect(connection.watch.down).toBe(true));
    const reconnecting = open(server.url);
    reconnecting.connect();
    await eventually(() => expect(reconnecting.watch.down).toBe(true));
    await server.restart();
    await eventually(() => expect(connection.client.status).toBe('ready'));
    await eventually(() => expect(connection.logged).toHaveLength(2));
    expect(connection.logged[0]).toMatch(/^warn Redis at 127\.0\.0\.1:\d+ .*Locks fail until it answers/);
    expect(connection.logged[1]).toMatch(/^log Redis at 127\.0\.0\.1:\d+ answers again/);
    expect(connection.watch.down).toBe(false);
  });

  it('given a wrong password, then the error names the cause and never shows the password', async () => {
    const connection = open(`redis://:wrong-hunter@127.0.0.1:${server.port}`);
    const failure: unknown = await connection.client.call('GET', 'a').catch((error: unknown) => error);
    // The store bounds every command. This command ended because ioredis flushes its commands when a login fails.
    expect(failure).toBeInstanceOf(Error);
    await eventually(() => expect(connection.logged).toHaveLength(1));
    expect(connection.logged[0]).toMatch(/WRONGPASS/);
    expect(inspect(new LockStoreError('x', failure), { depth: 9, showHidden: true })).not.toContain(
      'wrong-hunter',
    );
    expect(connection.logged.join()).not.toContain('wrong-hunter');
  });

  it('given a connection that is cut with a command on it, then the command is sent again', async () => {
    const proxy = await startProxy(server);
    cleanups.push(() => proxy.stop());
    const connection = open(`redis://:hunter2@127.0.0.1:${proxy.port}`);
    await ready(connection);
    proxy.dropReplies();
    const reply = connection.client.call('INCR', 'n');
    await proxy.waitFor((chunk, direction) => direction === 'reply' && chunk.includes(':1'));
    proxy.cut();
    proxy.release();
    await expect(reply).resolves.toBe(2);
  });

  it('given a connection that answers nothing, then the client leaves it and connects anew', async () => {
    const proxy: TcpProxy = await startProxy(server);
    cleanups.push(() => proxy.stop());
    const connection = open({
      host: '127.0.0.1',
      port: proxy.port,
      password: 'hunter2',
      // Short, because the test is about the rule, not about its length.
      socketTimeout: 200,
    });
    await ready(connection);
    proxy.dropReplies();
    const reply = connection.client.call('PING');
    await eventually(() => expect(connection.watch.down).toBe(true));
    expect(connection.logged[0]).toMatch(/Socket timeout/);
    proxy.cut();
    proxy.release();
    await expect(reply).resolves.toBe('PONG');
  });

  it('given a connection that it closes itself, then nothing is logged', async () => {
    const connection = open(server.url);
    await ready(connection);
    connection.client.disconnect();
    await eventually(() => expect(connection.client.status).toBe('end'));
    expect(connection.logged).toEqual([]);
  });

  it('given a server that has become a replica, then the client reconnects once, not for each command', async () => {
    const connection = open(server.url);
    await ready(connection);
    const admin = server.client();
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    const id = await connection.client.call('CLIENT', 'ID');
    await expect(connection.client.call('SET', 'a', '1')).rejects.toThrow(/READONLY/);
    await eventually(async () => expect(await connection.client.call('CLIENT', 'ID')).not.toBe(id));
    const next = await connection.client.call('CLIENT', 'ID');
    await expect(connection.client.call('SET', 'a', '1')).rejects.toThrow(/READONLY/);
    await expect(connection.client.call('CLIENT', 'ID')).resolves.toBe(next);
  });

  it('given a replica that stays one, then it is logged once, and the return of a master once', async () => {
    let ahead = 0;
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
    cleanups.push(() => clock.mockRestore());
    const connection = open(server.url);
    await ready(connection);
    const admin = server.client();
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    for (let i = 0; i < 3; i += 1) {
      const id = await connection.client.call('CLIENT', 'ID');
      await expect(connection.client.call('SET', 'a', '1')).rejects.toThrow(/READONLY/);
      await eventually(async () => expect(await connection.client.call('CLIENT', 'ID')).not.toBe(id));
      ahead += 5_001;
    }
    expect(connection.logged).toEqual([
      expect.stringMatching(/^warn Redis at 127\.0\.0\.1:\d+ is a replica, and refuses writes\./),
    ]);
    expect(connection.watch.down).toBe(true);
    const id = await connection.client.call('CLIENT', 'ID');
    await connection.client.call('SET', 'a', '1').catch(() => undefined);
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await eventually(async () => expect(await connection.client.call('CLIENT', 'ID')).not.toBe(id));
    await eventually(() => expect(connection.logged).toHaveLength(2));
    expect(connection.logged[1]).toMatch(/^log Redis at 127\.0\.0\.1:\d+ answers again/);
    expect(connection.watch.down).toBe(false);
  });
});

describe('a client of the application', () => {
  it.each([
    ['6', (port: number) => new Redis({ port, lazyConnect: true })],
    ['5', (port: number) => new Redis5({ port, lazyConnect: true })],
  ])(
    'given ioredis %s, then the client is used as it is, without a listener for errors',
    async (_version, make) => {
      const server = await startRedis();
      cleanups.push(() => server.stop());
      const client: RedisLike & { listenerCount(event: string): number } = make(server.port);
      cleanups.push(() => client.disconnect());
      const connection = open(client);
      expect(connection.client).toBe(client);
      expect(connection.owned).toBe(false);
      connection.connect();
      expect(client.status).toBe('wait');
      expect(client.listenerCount('error')).toBe(0);
      client.on('error', () => undefined);
      await client.connect();
      await server.kill();
      await eventually(() => expect(connection.logged).toHaveLength(1));
      await server.restart();
      await eventually(() => expect(connection.logged).toHaveLength(2));
      connection.watch.end();
      expect(client.listenerCount('close') + client.listenerCount('ready')).toBe(0);
    },
  );
});

describe('addresses, prefixes and messages', () => {
  const like = (options: object, more = {}) => ({ options, ...more }) as unknown as RedisLike;

  it('given any client, then addressOf tells where it connects', () => {
    expect(addressOf(like({ host: 'h', port: 1 }))).toBe('h:1');
    expect(addressOf(like({ host: '::1', port: 1 }))).toBe('[::1]:1');
    expect(addressOf(like({ path: '/run/redis.sock' }))).toBe('/run/redis.sock');
    expect(addressOf(like({ sentinels: [{}], name: 'mymaster' }))).toBe(`the sentinels' master "mymaster"`);
    expect(addressOf(like({}, { isCluster: true }))).toBe('the Cluster');
  });

  it('given a Redis or a Cluster, then keyPrefixOf finds its key prefix', () => {
    expect(keyPrefixOf(like({}))).toBe('');
    expect(keyPrefixOf(like({ keyPrefix: 'app:' }))).toBe('app:');
    expect(keyPrefixOf(like({ keyPrefix: Buffer.from('app:') }))).toBe('app:');
    expect(keyPrefixOf(like({ redisOptions: { keyPrefix: 'app:' } }))).toBe('app:');
    expect(keyPrefixOf(new Redis5({ lazyConnect: true, keyPrefix: 'a:' }))).toBe('a:');
  });

  it('given a host whose every address refused, then messageOf names each', () => {
    const parts = [new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')];
    expect(messageOf(new AggregateError(parts))).toBe(
      'connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});
