/**
 * Every key that a script touches is declared in its KEYS. Redis demands this, a Cluster routes by these keys, and
 * servers such as Dragonfly refuse an undeclared key.
 *
 * The whole contract suite runs on scripts in which `redis.call` accepts keys from KEYS alone.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import * as scripts from '../../lib/stores/redis/scripts/scripts.js';
import type { LockService } from '../../lib/lock.service.js';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type Locks, locksWith } from '../support/locks.js';
import { queueOf } from '../support/queue.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';
import { redisSubject } from '../support/redis-subjects.js';

/** A prefix for scripts: a command on an undeclared key is an error, and so is a command that is not listed here. */
const CHECKING = `
local declared = {}
for _, key in ipairs(KEYS) do declared[key] = true end
local server = redis
local keyless = { TIME = true, PUBLISH = true, SPUBLISH = true, PUBSUB = true }
local keyed = {}
for name in string.gmatch('GET SET DEL EXISTS PTTL PEXPIRE PEXPIREAT ZADD ZCARD ZPOPMIN ZRANGE ZRANK ZREM '
  .. 'ZREMRANGEBYSCORE ZSCORE', '%u+') do keyed[name] = true end
local function checked(run)
  return function(name, ...)
    if not keyless[name] then
      if not keyed[name] then error('UNKNOWN ' .. name) end
      if (name == 'DEL' or name == 'EXISTS') and select('#', ...) > 1 then error('SEVERAL ' .. name) end
      if not declared[(...)] then error('UNDECLARED ' .. name .. ' ' .. (...)) end
    end
    return run(name, ...)
  end
end
local redis = setmetatable({ call = checked(server.call), pcall = checked(server.pcall) }, { __index = server })
`;

const { ACQUIRE, BATCH, EXCHANGE, HANDOFF, NOTIFY, PUBLISH, READ_KEY, RELEASE, RENEW } = scripts;
const SCRIPTS = [ACQUIRE, BATCH, EXCHANGE, HANDOFF, NOTIFY, PUBLISH, READ_KEY, RELEASE, RENEW];

/** A command that was sent: the script, and the names of its keys. */
interface Sent {
  readonly script: string;
  readonly keys: readonly string[];
}

/** Sends each script in full, after the prefix. */
function checking<Client extends RedisLike>(client: Client, seen: Sent[] = []): Client {
  const send = client.call.bind(client) as (...args: unknown[]) => Promise<unknown>;
  const call = (command: string, ...args: unknown[]): Promise<unknown> => {
    if (!/^EVAL(SHA)?$/i.test(command)) return send(command, ...args);
    const [sent, count, ...rest] = args as string[];
    const script = SCRIPTS.find(({ sha, source }) => sha === sent || source === sent);
    if (script === undefined) throw new Error('A script that this check does not know: add it to SCRIPTS.');
    seen.push({ script: script.sha, keys: rest.slice(0, Number(count)) });
    return send('EVAL', CHECKING + script.source, count, ...rest);
  };
  return Object.assign(client, { call });
}

let server: RedisServer;
let cluster: RedisCluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
}, 60_000);
afterAll(() => Promise.all([server.stop(), cluster.stop()]));

// Most of a test is waiting for real expiries, so tests run beside one another.
const beside = { describe, it: it.concurrent };

storeContract(beside, 'RedisLockStore, with scripts that declare each key which they touch,', () =>
  Promise.resolve(redisSubject(checking(new Redis(server.url, { keyPrefix: 'app:' })))),
);

storeContract(beside, 'RedisLockStore on a Cluster, with scripts that declare each key,', () =>
  Promise.resolve(redisSubject(checking(new Cluster([...cluster.startupNodes])))),
);

describe('given the keys that a command declares', () => {
  let locks: Locks;
  let service: LockService;
  const seen: Sent[] = [];
  const admin = (): Redis => locks.client;

  beforeEach(async () => {
    locks = locksWith(checking(new Redis(server.url, { maxRetriesPerRequest: null }), seen), {});
    service = locks.service;
    await locks.client.flushall();
    await (await service.acquire('warm')).release();
    seen.length = 0;
  });
  afterEach(() => locks.close());

  const THREE = ['lock:k', 'lock:~nl:q:k', 'lock:~nl:f'];
  const FOUR = [...THREE, 'lock:~nl:h:k'];

  it('then a request for an exclusive lock declares three, without the set of holders', async () => {
    const lock = await service.acquire('k');
    await lock.extend('40s');
    await lock.release();
    expect(seen).toEqual([
      { script: ACQUIRE.sha, keys: THREE },
      { script: RENEW.sha, keys: ['lock:k', 'lock:~nl:f'] },
      { script: RELEASE.sha, keys: FOUR },
    ]);
  });

  it('then commands for a shared lock or a semaphore declare the set of holders', async () => {
    for (const options of [{ mode: 'shared' }, { limit: 2 }] as const) {
      seen.length = 0;
      const lock = await service.acquire('k', options);
      await lock.extend('40s');
      await lock.release();
      expect(seen).toEqual([
        { script: EXCHANGE.sha, keys: FOUR },
        { script: RENEW.sha, keys: ['lock:k', 'lock:~nl:f', 'lock:~nl:h:k'] },
        { script: RELEASE.sha, keys: FOUR },
      ]);
    }
  });

  it('then a writer that meets readers learns from its first reply to declare the set of holders, and remembers it', async () => {
    const other = locksWith(checking(new Redis(server.url)), {});
    const reader = await other.service.acquire('k', { mode: 'shared' });
    expect(await service.tryAcquire('k')).toBeNull();
    expect(await service.tryAcquire('k')).toBeNull();
    expect(seen.map(({ keys }) => keys)).toEqual([THREE, FOUR, FOUR]);
    await reader.release();
    await other.close();
  });

  it('then each release declares the set of holders, so that a hand-off to readers needs one command', async () => {
    const other = locksWith(checking(new Redis(server.url)), {});
    const writer = await service.acquire('k');
    const reading = other.service.acquire('k', { mode: 'shared' });
    await queueOf(admin()).holds(1);
    expect(await admin().pttl('lock:~nl:q:k')).toBeGreaterThan(0);
    seen.length = 0;
    expect(await writer.release()).toBe(true);
    const reader = await reading;
    expect(seen.map(({ keys }) => keys)).toEqual([FOUR]);
    expect(await reader.release()).toBe(true);
    await other.close();
  });

  it('then a writer that finds a free key and waiting readers sends its request again with the set of holders', async () => {
    const [third, other] = [1, 2].map(() => locksWith(checking(new Redis(server.url)), {}));
    const holder = await third.service.acquire('k', { ttl: 60_000 });
    const reading = other.service.acquire('k', { mode: 'shared' });
    await queueOf(admin()).holds(1);
    // The key of the holder is deleted, without a message.
    await admin().del('lock:k');
    seen.length = 0;
    const writing = service.acquire('k');
    const reader = await reading;
    expect(seen.map(({ keys }) => keys).slice(0, 2)).toEqual([THREE, FOUR]);
    await Promise.all([reader.release(), holder.release()]);
    expect(await (await writing).release()).toBe(true);
    await Promise.all([third.close(), other.close()]);
  });

  it('then a batch of commands that lacks one key gives each other exchange the reply that it would have alone', async () => {
    const other = locksWith(checking(new Redis(server.url)), {});
    const readers = await Promise.all(
      ['b', 'd'].map((key) => other.service.acquire(key, { mode: 'shared' })),
    );
    const tries = await Promise.all(['warm', 'a', 'b', 'c', 'd'].map((key) => service.tryAcquire(key)));
    expect(tries.map((lock) => lock !== null)).toEqual([true, true, false, true, false]);
    const reading = ['b', 'c', 'd', 'e'].map((key) => service.tryAcquire(key, { mode: 'shared' }));
    expect((await Promise.all(reading)).map((lock) => lock !== null)).toEqual([true, false, true, true]);
    await Promise.all(readers.map((lock) => lock.release()));
    await other.close();
  });

  it('then a release that also requests declares the set of holders, with a dead writer before the readers', async () => {
    const other = locksWith(checking(new Redis(server.url)), {});
    const writer = await service.acquire('k');
    await admin().zadd('lock:~nl:q:k', 1, 'nl1:dead:1:dead');
    const reading = other.service.acquire('k', { mode: 'shared' });
    await queueOf(admin()).holds(2);
    // The process requests the key in the exchange that releases it.
    const again = service.acquire('k');
    expect(await writer.release()).toBe(true);
    await (await reading).release();
    await (await again).release();
    await queueOf(admin()).nothingLeft();
    await other.close();
  });
});
