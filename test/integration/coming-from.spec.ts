/**
 * Other lock libraries and this one on the same names, as the pages `docs/coming-from*.md` say. Each library is the
 * commands that it sends, from the source that its page names.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const TTL = 10_000;

/** One holder of another library. */
interface Peer {
  acquire(client: Redis, name: string): Promise<boolean>;
  release(client: Redis, name: string): Promise<boolean>;
}

/** Compares and deletes: redis-semaphore (lib/mutex/release.js), murlock (dist/lua/unlock.lua), redlock-universal. */
const RELEASE = `
  if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
  end
  return 0
`;

function simplePeer(acquire: (client: Redis, name: string, value: string) => Promise<unknown>): Peer {
  const value = randomUUID();
  return {
    acquire: async (client, name) =>
      ['OK', 1].includes((await acquire(client, name, value)) as string | number),
    release: async (client, name) => (await client.eval(RELEASE, 1, name, value)) === 1,
  };
}

/** `set(key, identifier, 'PX', lockTimeout, 'NX')`: redis-semaphore 5.8.0 and redlock-universal 0.8.5. */
const setPeer = (): Peer => simplePeer((client, name, value) => client.set(name, value, 'PX', TTL, 'NX'));

/** dist/lua/lock.lua of murlock 4.4.0. */
const murlock = (): Peer =>
  simplePeer((client, name, value) =>
    client.eval(
      `
      if redis.call("get", KEYS[1]) == ARGV[1] or redis.call("set", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then
        return 1
      else
        return 0
      end
      `,
      1,
      name,
      value,
      TTL,
    ),
  );

/** The scripts of redlock 4.2.0 and 5.0.0-beta.2, which are equal. */
const redlock = (): Peer => {
  const value = randomUUID();
  return {
    acquire: async (client, name) =>
      (await client.eval(
        `
        for i, key in ipairs(KEYS) do
          if redis.call("exists", key) == 1 then
            return 0
          end
        end
        for i, key in ipairs(KEYS) do
          redis.call("set", key, ARGV[1], "PX", ARGV[2])
        end
        return #KEYS
        `,
        1,
        name,
        value,
        TTL,
      )) === 1,
    release: async (client, name) =>
      (await client.eval(
        `
        local count = 0
        for i, key in ipairs(KEYS) do
          if redis.call("get", key) == ARGV[1] then
            redis.pcall("del", key)
            count = count + 1
          end
        end
        return count
        `,
        1,
        name,
        value,
      )) === 1,
  };
};

let server: RedisServer;
let client: Redis;
const opened: Locks[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.stop());
beforeEach(() => client.flushall());
afterEach(async () => {
  for (const locks of opened.splice(0)) await locks.close();
});

function locksWithPrefix(prefix: string): Locks {
  const locks = locksOn(server, { prefix });
  opened.push(locks);
  return locks;
}

describe.each([
  { library: 'redlock', peer: redlock, prefix: '', key: 'order:1', name: 'order:1' },
  {
    library: 'redlock, with a prefix',
    peer: redlock,
    prefix: 'locks:',
    key: 'order:1',
    name: 'locks:order:1',
  },
  { library: 'redis-semaphore, Mutex', peer: setPeer, prefix: 'mutex:', key: 'a', name: 'mutex:a' },
  { library: 'murlock', peer: murlock, prefix: '', key: 'Orders:pay:1', name: 'Orders:pay:1' },
  { library: 'redlock-universal', peer: setPeer, prefix: 'app:', key: 'order:1', name: 'app:order:1' },
])('$library and this library on the name $name', ({ peer, prefix, key, name }) => {
  it('given a lock of the other library, then a caller waits here until its release', async () => {
    const { service } = locksWithPrefix(prefix);
    const old = peer();
    expect(await old.acquire(client, name)).toBe(true);
    expect(await service.tryAcquire(key)).toBeNull();
    const waiting = service.acquire(key);
    await eventually(async () => expect(await client.exists(`${prefix}~nl:q:${key}`)).toBe(1));
    expect(await old.release(client, name)).toBe(true);
    const lock = await waiting;
    expect(await client.get(name)).toBe(lock.token);
    await lock.release();
  });

  it('given a lock here, then the other library is kept out until the release, and releases nothing', async () => {
    const { service } = locksWithPrefix(prefix);
    const old = peer();
    const lock = await service.acquire(key);
    expect(await old.acquire(client, name)).toBe(false);
    expect(await old.release(client, name)).toBe(false);
    expect(lock.held).toBe(true);
    await lock.extend();
    expect(await lock.release()).toBe(true);
    expect(await old.acquire(client, name)).toBe(true);
  });

  it.each([{ mode: 'shared' as const }, { limit: 2 }])(
    'given %o here, then both still exclude each other',
    async (kind) => {
      const { service } = locksWithPrefix(prefix);
      const old = peer();
      const lock = await service.acquire(key, kind);
      expect(await old.acquire(client, name)).toBe(false);
      expect(await lock.release()).toBe(true);
      expect(await old.acquire(client, name)).toBe(true);
      expect(await service.tryAcquire(key, kind)).toBeNull();
    },
  );

  it('given callers that wait here, then the other library gets the key only after them', async () => {
    const { service } = locksWithPrefix(prefix);
    const old = peer();
    const first = await service.acquire(key);
    const other = locksWithPrefix(prefix);
    const second = other.service.acquire(key);
    await eventually(async () => expect(await client.exists(`${prefix}~nl:q:${key}`)).toBe(1));
    await first.release();
    expect(await old.acquire(client, name)).toBe(false);
    await (await second).release();
    expect(await old.acquire(client, name)).toBe(true);
  });
});

describe('the Semaphore of redis-semaphore and this library', () => {
  /** lib/semaphore/acquire/lua.js of redis-semaphore 5.8.0. */
  const acquire = (name: string, limit: number) =>
    client.eval(
      `
      local now = tonumber(ARGV[4])
      redis.call('zremrangebyscore', KEYS[1], '-inf', now - tonumber(ARGV[3]))
      if redis.call('zcard', KEYS[1]) < tonumber(ARGV[1]) then
        redis.call('zadd', KEYS[1], now, ARGV[2])
        redis.call('pexpire', KEYS[1], ARGV[3])
        return 1
      else
        return 0
      end
      `,
      1,
      name,
      limit,
      randomUUID(),
      TTL,
      Date.now(),
    );

  it('given one name for both, then each fails, and neither grants a permit beside the other', async () => {
    const { service } = locksWithPrefix('semaphore:');
    expect(await acquire('semaphore:a', 2)).toBe(1);
    for (const options of [{ limit: 2 }, {}]) {
      await expect(service.acquire('a', options)).rejects.toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringContaining('WRONGTYPE'),
      });
    }
    const lock = await service.acquire('b', { limit: 2 });
    await expect(acquire('semaphore:b', 2)).rejects.toThrow('WRONGTYPE');
    await lock.release();
  });

  it('given the prefix of the mutexes, then both count alone', async () => {
    const { service } = locksWithPrefix('mutex:');
    expect(await acquire('semaphore:a', 1)).toBe(1);
    const lock = await service.acquire('a', { limit: 1 });
    expect(await acquire('semaphore:a', 1)).toBe(0);
    await lock.release();
  });
});

describe('an empty prefix', () => {
  it('given other data in the database, then list() shows it as held by a foreign client', async () => {
    const { service } = locksWithPrefix('');
    await client.set('a-text', 'data');
    await client.hset('a-hash', { field: 'data' });
    const lock = await service.acquire('order:1');
    const found = new Map<string, string>();
    for await (const { key, kind } of service.list()) found.set(key, kind);
    expect(Object.fromEntries(found)).toEqual({
      'a-text': 'foreign',
      'a-hash': 'foreign',
      'order:1': 'exclusive',
    });
    await lock.release();
  });
});
