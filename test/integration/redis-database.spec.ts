/** Locks are in the database that the options name and in no other database, whatever happens to the connection. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { LockModule, LockService } from 'nestjs-locked';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn, locksWith } from '../support/locks.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';

const cleanups: Array<() => unknown> = [];

/** The rights that docs/redis.md prints, without the right to select a database. */
const RIGHTS =
  '~* &* -@all +eval +evalsha +get +set +del +exists +pttl +pexpire +pexpireat +time +zadd +zcard +zpopmin +zrange ' +
  '+zrank +zrem +zremrangebyscore +zscore +publish +subscribe +ping +info +client';

let server: RedisServer;
let admin: Redis;

beforeEach(async () => {
  server = await startRedis();
  cleanups.push(() => server.stop());
  admin = server.client();
  await admin.call('ACL', 'SETUSER', 'locks', 'on', '>secret', ...RIGHTS.split(' '));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  jest.restoreAllMocks();
});

function closed<L extends Pick<Locks, 'close'>>(locks: L): L {
  cleanups.push(() => locks.close());
  return locks;
}

/** The numbers of the databases that are not empty. */
async function used(): Promise<string[]> {
  const info = await admin.info('keyspace');
  return [...info.matchAll(/^db(\d+):/gm)].map(([, number]) => number);
}

function logged() {
  const messages: string[] = [];
  for (const level of ['warn', 'log'] as const) {
    jest
      .spyOn(Logger.prototype, level)
      .mockImplementation((message: unknown) => void messages.push(String(message)));
  }
  return messages;
}

async function start(redis: unknown): Promise<LockService> {
  const app = await Test.createTestingModule({
    imports: [LockModule.forRoot({ redis: redis as string })],
  }).compile();
  cleanups.push(() => app.close());
  await app.init();
  return app.get(LockService);
}

const FORBIDDEN = (port: number) => `redis://locks:secret@127.0.0.1:${port}/3`;
const ABSENT = (port: number) => `redis://127.0.0.1:${port}/99`;

function quiet<C extends Redis | Redis5>(client: C): C {
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  return client;
}

describe.each([
  ['a URL', (url: string) => url],
  ['a client of ioredis 6', (url: string) => quiet(new Redis(url))],
  ['a client of ioredis 5', (url: string) => quiet(new Redis5(url))],
])('%s with a database that cannot be selected', (_title, option) => {
  it.each([
    ['a user without the right to select', FORBIDDEN, 'database 3', /permissions|can't run/, /"\+select"/],
    ['a server with fewer databases', ABSENT, 'database 99', /out of range/, /"databases"/],
  ])(
    'given %s, then no lock is acquired, and the error and the log say why',
    async (_why, url, name, reason, cure) => {
      const messages = logged();
      const locks = await start(option(url(server.port)));
      // The first command is sent before the state of the connection is known.
      for (let i = 0; i < 3; i += 1) {
        const refused = await locks.acquire(`a${i}`, { wait: 0 }).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: 'LOCK_STORE', cause: expect.any(Error) });
        for (const part of [name, reason, cure]) expect((refused as Error).message).toMatch(part);
      }
      await eventually(() => expect(messages.join('\n')).toContain(`cannot select ${name}`));
      expect(messages.join('\n')).not.toContain('answers again');
      expect(await used()).toEqual([]);
    },
  );
});

describe('a database other than 0', () => {
  it('given a hand-off, then the lock and its queue are in that database', async () => {
    const [one, two] = [
      closed(locksOn(server, { redis: { db: 3 } })),
      closed(locksOn(server, { redis: { db: 3 } })),
    ];
    const held = await one.service.acquire('a');
    const next = two.service.acquire('a');
    await eventually(async () => expect(await server.client({ db: 3 }).zcard('lock:~nl:q:a')).toBe(1));
    expect(await used()).toEqual(['3']);
    // A subscription belongs to no database, and needs no right to select one.
    expect(await admin.client('LIST')).toMatch(/ db=0 sub=[13] /);
    await held.release();
    await (await next).release();
    expect(await used()).toEqual(['3']);
  });

  it('given the right to select that comes later, then locks work without a restart', async () => {
    const messages = logged();
    const locks = await start(FORBIDDEN(server.port));
    await expect(locks.acquire('a')).rejects.toMatchObject({ code: 'LOCK_STORE' });
    await eventually(() => expect(messages.join('\n')).toContain('cannot select database 3'));
    await admin.call('ACL', 'SETUSER', 'locks', '+select');
    await eventually(() => locks.using('a', async () => undefined), { within: 10_000 });
    expect(await used()).toEqual(['3']);
    await eventually(() => expect(messages.join('\n')).toContain('answers again'));
  }, 60_000);

  it('given a command on a cut connection, and a next one that cannot select, then the command runs nowhere', async () => {
    await admin.call('ACL', 'SETUSER', 'locks', '+select');
    const proxy = await startProxy(server);
    cleanups.push(() => proxy.stop());
    const url = `redis://locks:secret@127.0.0.1:${proxy.port}/3`;
    const locks = closed(locksOn({ url }));
    await locks.service.using('warm', async () => undefined);
    proxy.dropRequests();
    const arrived = proxy.waitFor((chunk, direction) => direction === 'request' && chunk.includes('lock:a'));
    const refused = locks.service.acquire('a', { wait: 0 }).catch((error: unknown) => error);
    await arrived;
    await admin.call('ACL', 'SETUSER', 'locks', '-select');
    proxy.release();
    proxy.cut();
    expect(await refused).toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringContaining('database 3'),
    });
    expect(await used()).not.toContain('0');
  });
});

describe('a client of the application', () => {
  it.each([
    ['6, made for database 0', (port: number) => new Redis({ port }), '0'],
    ['6, made for database 2', (port: number) => new Redis({ port, db: 2 }), '2'],
    ['5, made for database 2', (port: number) => new Redis5({ port, db: 2 }), '2'],
  ])(
    'given ioredis %s, when select() moves it, then locks stay where its options say',
    async (_title, make, expected) => {
      const client = quiet(make(server.port));
      const locks = closed(locksWith(client, {}));
      await locks.service.using('a', async () => undefined);
      const moving = client.select(5);
      await locks.service.using('b', async () => expect(await used()).toEqual([expected]));
      await moving;
      expect(locks.warnings).toEqual([expect.stringMatching(/moved to database 5 by select\(\)/)]);
      // The application's own commands stay in the database that it selected, also on the next connection.
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await eventually(async () => expect(await client.set('own', '1')).toBe('OK'));
      await eventually(() => locks.service.using('c', async () => undefined));
      expect((await used()).sort()).toEqual([expected, '5'].sort());
      await expect(client.exists('own')).resolves.toBe(1);
    },
  );

  it('given a client that was moved before, then a warning says so, and locks are where its options say', async () => {
    const client = quiet(new Redis({ port: server.port, db: 2 }));
    await client.select(5);
    const locks = closed(locksWith(client, {}));
    await locks.service.using('a', async () => expect(await used()).toEqual(['2']));
    expect(locks.warnings).toEqual([expect.stringMatching(/moved to database 5/)]);
  });

  it('given options without a database, then a warning says that it cannot be verified', async () => {
    const client = quiet(new Redis({ port: server.port }));
    delete client.options.db;
    const locks = closed(locksWith(client, {}));
    expect(locks.warnings).toEqual([expect.stringMatching(/does not tell its database.*cannot be verified/)]);
  });

  it.each([
    ['6', Cluster],
    ['5', Cluster5],
  ])(
    'given a Cluster of ioredis %s with another database than 0, then no lock is acquired in database 0',
    async (_v, Client) => {
      const cluster = await startRedisCluster(1);
      cleanups.push(() => cluster.stop());
      const client = new Client([...cluster.startupNodes], { redisOptions: { db: 3 } });
      cleanups.push(() => client.disconnect());
      const locks = closed(locksWith(client, {}));
      await expect(locks.service.acquire('a', { wait: 0 })).rejects.toMatchObject({ code: 'LOCK_STORE' });
      expect(locks.warnings).toEqual([
        expect.stringMatching(/did not connect with database 3.*database 0 alone/),
      ]);
      expect(await cluster.nodes[0].client().dbsize()).toBe(0);
    },
  );
});
