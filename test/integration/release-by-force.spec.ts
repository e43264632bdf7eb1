/** What a release by force does to callers that wait, to several keys of one call, and to a value that is no lock. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { LockEvent } from '../../lib/core/events/events.js';
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { LockStoreError } from '../../lib/errors/index.js';
import { LockService } from '../../lib/lock.service.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { storeWith } from '../support/store-with.js';

let server: RedisServer;
let client: Redis;
let a: Locks;
let b: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
}, 60_000);
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  [a, b] = ['a:1', 'b:2'].map((owner) => locksOn(server, { owner, inspection: 'always' }));
});
afterEach(() => Promise.all([a, b].map((locks) => locks.close())));

/** Releases the holders of the owner by force, as the other process. */
async function releaseBy(owner: string, key: string): Promise<number> {
  const { holders = [] } = (await b.service.inspect(key)) ?? {};
  let released = 0;
  for (const { id } of holders.filter((each) => each.owner === owner)) {
    released += (await b.service.forceRelease(key, { holder: id, by: 'jane' })).released;
  }
  return released;
}

describe('forceRelease', () => {
  it('given callers of the holder that wait, then they queue behind the other process', async () => {
    const order: string[] = [];
    const lock = await a.service.acquire('k');
    const other = b.service.using('k', { wait: '20s' }, () => void order.push('b'));
    await eventually(async () => expect(await client.zcard('lock:~nl:q:k')).toBe(1));
    const own = a.service.using('k', { wait: '20s' }, () => void order.push('a'));
    expect(await releaseBy('a:1', 'k')).toBe(1);
    await Promise.all([other, own]);
    expect(order).toEqual(['b', 'a']);
    expect(await lock.release()).toBe(false);
  });

  it('given several keys of one call, then the call is lost, and the others are released after its work', async () => {
    let finish = (): void => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const call = a.service.using(['x', 'y'], async ({ signal }) => {
      await work;
      return signal.aborted;
    });
    const ended = expect(call).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'revoked', key: 'x' });
    await eventually(async () => expect(await releaseBy('a:1', 'x')).toBe(1));
    await eventually(() => expect(a.events.some(({ name }) => name === 'lost')).toBe(true));
    expect(await b.service.tryAcquire('y')).toBeNull();
    finish();
    await ended;
    expect(await (await b.service.acquire('y')).release()).toBe(true);
  });

  it('given a foreign value that is no string, then it is refused, and stays', async () => {
    await client.zadd('lock:k', 1, 'a');
    const released = b.service.forceRelease('k', { holder: 'any', by: 'jane' });
    await expect(released).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(await client.exists('lock:k')).toBe(1);
  });
});

describe('a release by force whose message meets an end of the hold', () => {
  /** What the test delays: releases of the holder, and messages of the operator. */
  let before: { release: Promise<void>; message: Promise<void>; failing: boolean };
  let engines: LockEngine[];
  let events: LockEvent[];
  let lock: HeldLock;
  let operator: LockService;

  beforeEach(async () => {
    before = { release: Promise.resolve(), message: Promise.resolve(), failing: false };
    events = [];
    const store = memoryStore();
    const holding = storeWith(store, (session) => ({
      exchange: async (request) => {
        if (request.release !== undefined) await before.release;
        return session.exchange(request);
      },
      renew: (request) =>
        before.failing ? Promise.reject(new LockStoreError('down')) : session.renew(request),
    }));
    const operating = storeWith(store, ({ inspection }) => {
      const send = async (sessionId: string, message: string): Promise<boolean | undefined> => {
        await before.message;
        return inspection!.send(sessionId, message);
      };
      return { inspection: Object.create(inspection!, { send: { value: send } }) as typeof inspection };
    });
    const settings = { maxWaiters: Infinity, longHold: 60_000, inspection: 'always' as const };
    engines = [
      new LockEngine({
        ...settings,
        owner: 'holder',
        store: holding,
        emit: (event) => void events.push(event),
      }),
      new LockEngine({ ...settings, owner: 'operator', store: operating, emit: () => undefined }),
    ];
    const [service, other] = engines.map((engine) => new LockService(engine, resolvePolicy(undefined)));
    operator = other;
    lock = (await service.acquire('k')) as HeldLock;
  });
  afterEach(async () => {
    for (const engine of engines) {
      await engine.drain(0);
      await engine.close();
    }
  });

  const forced = (): Promise<unknown> =>
    operator.forceRelease('k', { holder: 'any', by: 'jane', reason: 'stuck' });
  const expectLogged = (times = 1): void =>
    expect(events.filter(({ name }) => name === 'force-release')).toEqual(
      Array(times).fill(expect.objectContaining({ key: 'k', by: 'jane', why: 'stuck' })),
    );

  it('given a message that comes while the holder releases, then the loss has the reason "revoked"', async () => {
    const barrier = deferred();
    before.release = barrier.promise;
    const released = lock.release();
    expect(await forced()).toEqual({ released: 1, told: 1 });
    barrier.resolve();
    expect(await released).toBe(false);
    expect(lock.lost?.reason).toBe('revoked');
    expectLogged();
  });

  it('given a message that comes after the loss, then the holder logs the release by force', async () => {
    const [barrier, sent] = [deferred(), deferred()];
    before.release = barrier.promise;
    before.message = sent.promise;
    const released = lock.release();
    const forcing = forced();
    await eventually(async () => expect(await operator.inspect('k')).toBeNull());
    barrier.resolve();
    expect(await released).toBe(false);
    expect(lock.lost?.reason).toBe('not-owner');
    expectLogged(0);
    sent.resolve();
    expect(await forcing).toEqual({ released: 1, told: 1 });
    expectLogged();
  });

  it('given a store that fails when the message comes, then the next renewal finds the reason', async () => {
    before.failing = true;
    expect(await forced()).toEqual({ released: 1, told: 1 });
    await eventually(() => expect(events.map(({ name }) => name)).toContain('store-error'));
    before.failing = false;
    await expect(lock.extend()).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'revoked' });
    expectLogged();
  });

  it('given a forged message about a lock that is held, then a later loss is not taken for a release by force', async () => {
    const { holders = [] } = (await operator.inspect('k')) ?? {};
    const forged = { v: 1, kind: 'revocation', key: 'k', holder: holders[0].id, by: 'mallory' };
    const [holder] = engines;
    holder.inspector.onMessage(JSON.stringify(forged));
    await lock.extend();
    before.message = new Promise(() => undefined);
    void forced();
    await eventually(async () => expect(await operator.inspect('k')).toBeNull());
    await expect(lock.extend()).rejects.toMatchObject({ reason: 'not-owner' });
    expectLogged(0);
  });
});
