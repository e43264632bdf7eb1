/** A release by force that fails: nothing releases the lock later, and the error says what is not known. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Lock } from '../../lib/core/contracts/lock.js';
import type { LockStoreSession } from '../../lib/core/contracts/store.contract.js';
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { LockStoreError } from '../../lib/errors/index.js';
import { LockService } from '../../lib/lock.service.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { storeWith } from '../support/store-with.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';

let server: RedisServer;
let client: Redis;
let proxy: TcpProxy;
let holder: Locks;
let operator: Locks;

beforeEach(async () => {
  server = await startRedis();
  client = server.client();
  proxy = await startProxy(server);
  holder = locksOn(server, { owner: 'holder', inspection: 'off' });
  operator = locksOn(proxy, { owner: 'operator', inspection: 'off', commandTimeout: 500 });
  // The server knows the scripts.
  const warm = await holder.service.acquire('warm');
  await operator.service.forceRelease('warm', { holder: 'any', by: 'jane' });
  await warm.release();
});
afterEach(async () => {
  await Promise.all([holder, operator].map((locks) => locks.close()));
  await proxy.stop();
  await server.stop();
});

/** Waits until the operator's store has released all tokens that it releases in the background. */
async function cleanedUp(key: string): Promise<void> {
  await eventually(async () => expect(await client.exists(`lock:${key}`)).toBe(0), { within: 10_000 });
}

it.each([
  ['another process', () => holder],
  ['the same process', () => operator],
])('given a holder in %s and a command that is lost, then the holder keeps its lock', async (_name, of) => {
  const lock = await of().service.acquire('k', { ttl: '10m' });
  const own = await operator.service.acquire('own', { ttl: '10m' });
  const token = (await client.get('lock:k'))!;
  // The key was read, and the release comes next.
  const unwatch = proxy.watch((chunk, direction) => {
    if (direction === 'reply' && chunk.includes(token)) proxy.dropRequests();
  });
  await expect(operator.service.forceRelease('k', { holder: 'any', by: 'jane' })).rejects.toMatchObject({
    code: 'LOCK_STORE',
    message: expect.stringMatching(
      /releasing by force the lock "k".*may have lost the lock.*Inspect the key/s,
    ),
  });
  unwatch();
  // An ordinary release is repeated until it has happened.
  await own.release().catch(() => undefined);
  // The client sends its commands again on the next connection: they come too late.
  proxy.cut();
  proxy.release();
  await cleanedUp('own');
  expect(await client.get('lock:k')).toBe(token);
  expect(lock.signal.aborted).toBe(false);
  expect(await lock.release()).toBe(true);
});

it('given a command that ran and whose reply is lost, then the error says that the lock may be lost', async () => {
  await holder.service.acquire('k', { ttl: '10m' });
  const token = (await client.get('lock:k'))!;
  proxy.watch((chunk, direction) => {
    if (direction === 'request' && chunk.includes(token)) proxy.dropReplies();
  });
  await expect(operator.service.forceRelease('k', { holder: 'any', by: 'jane' })).rejects.toThrow(
    /The holder may have lost the lock "k"/,
  );
  expect(await client.exists('lock:k')).toBe(0);
});

it('given a holder that releases while the command is lost and sent again, then nothing is told as done', async () => {
  const patient = locksOn(proxy, { owner: 'patient', inspection: 'off', commandTimeout: 20_000 });
  // The clock of the server is known, so the release is sent at once.
  const warm = await patient.service.acquire('warm');
  await patient.service.forceRelease('warm', { holder: 'any', by: 'jane' });
  await warm.release();
  const lock = await holder.service.acquire('k', { ttl: '10m' });
  const token = (await client.get('lock:k'))!;
  const unwatch = proxy.watch((chunk, direction) => {
    if (direction === 'reply' && chunk.includes(token)) proxy.dropRequests();
  });
  const dropped = proxy.waitFor((chunk, direction) => direction === 'request' && chunk.includes(token));
  const forced = patient.service.forceRelease('k', { holder: 'any', by: 'jane' });
  const outcome = expect(forced).rejects.toMatchObject({
    code: 'LOCK_STORE',
    message: expect.stringMatching(/Whether the lock "k" was released by force is not known/),
  });
  await dropped;
  unwatch();
  expect(await lock.release()).toBe(true);
  proxy.cut();
  proxy.release();
  await outcome;
  expect(patient.events.filter(({ name, key }) => name === 'force-release' && key === 'k')).toEqual([]);
  await patient.close();
});

describe('several holders', () => {
  const permits = 4;
  let engine: LockEngine;
  let other: LockEngine;

  /** @param failing which of the releases by force fail, from 0 on. */
  async function permitsWith(failing: readonly number[]): Promise<{ service: LockService; held: Lock[] }> {
    const store = memoryStore();
    let count = 0;
    const exchange = (session: LockStoreSession): LockStoreSession['exchange'] => {
      return (request) => {
        const fails = request.release?.forced === true && failing.includes(count++);
        return fails ? Promise.reject(new LockStoreError('down')) : session.exchange(request);
      };
    };
    const settings = { maxWaiters: Infinity, longHold: 60_000, emit: () => undefined };
    engine = new LockEngine({
      ...settings,
      owner: 'operator',
      store: storeWith(store, (session) => ({ exchange: exchange(session) })),
    });
    other = new LockEngine({ ...settings, owner: 'holder', store, inspection: 'always' });
    const service = new LockService(other, resolvePolicy(undefined));
    const held: Lock[] = [];
    for (let i = 0; i < permits; i += 1) held.push(await service.acquire('k', { limit: permits }));
    return { service: new LockService(engine, resolvePolicy(undefined)), held };
  }

  afterEach(async () => {
    for (const each of [engine, other]) {
      await each.drain(0);
      await each.close();
    }
  });

  it.each([
    ['the first', [0]],
    ['one in the middle', [1]],
    ['two', [1, 3]],
    ['each', [0, 1, 2, 3]],
  ])(
    'given a release of %s that fails, then the others are released, and the error counts them',
    async (_name, failing) => {
      const { service, held } = await permitsWith(failing);
      const done = permits - failing.length;
      await expect(service.forceRelease('k', { holder: 'any', by: 'jane' })).rejects.toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(
          new RegExp(
            `Of 4 holders of the lock "k", ${done} were released by force, and ${done} of them were told.*` +
              `The release of ${failing.length} has failed.*down`,
          ),
        ),
      });
      await eventually(() => expect(held.filter(({ signal }) => signal.aborted)).toHaveLength(done));
      expect((await service.inspect('k'))?.holders ?? []).toHaveLength(failing.length);
    },
  );
});

it('given a value that is no string, then the release is sent once', async () => {
  await client.rpush('lock:k', 'x');
  const own = await operator.service.acquire('own', { ttl: '10m' });
  let calls = 0;
  proxy.watch((chunk, direction) => {
    if (direction === 'request') calls += chunk.split('lock:k\r\n').length - 1;
  });
  await expect(operator.service.forceRelease('k', { holder: 'any', by: 'jane' })).rejects.toThrow(
    /not a lock.*remove the value/s,
  );
  // The question about the key, and the release: each by digest, then by source.
  const before = calls;
  expect(before).toBeLessThanOrEqual(4);
  await client.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha');
  await own.release().catch(() => undefined);
  await client.call('ACL', 'SETUSER', 'default', '+eval', '+evalsha');
  await cleanedUp('own');
  expect(calls).toBe(before);
});
