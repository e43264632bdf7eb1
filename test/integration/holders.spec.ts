/** Shared locks and semaphores as Redis sees them: what is at the key and beside it, and what is left. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { EXCLUSIVE, SHARED, type LockAccess } from '../../lib/core/contracts/token.js';
import { EXCHANGE, MARKERS } from '../../lib/stores/redis/scripts/scripts.js';
import { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { slotOf } from '../../lib/stores/redis/naming/cluster-slots.js';
import {
  SHORT,
  TTL,
  World,
  request,
  attempt,
  release,
  grantedOf,
  enqueue,
  check,
  renew,
  semaphore,
  take,
} from '../../lib/testing/contract/world.js';
import { eventually } from '../support/eventually.js';
import { holdersOf, sessionsOn } from '../support/holders.js';
import { locksWith } from '../support/locks.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';

const KINDS: ReadonlyArray<readonly [string, LockAccess]> = [
  ['exclusive', EXCLUSIVE],
  ['shared', SHARED],
  ['semaphore', semaphore(2)],
];
const SEVERAL = KINDS.slice(1);

let server: RedisServer;
let client: Redis;
let world: World;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  ({ world } = sessionsOn(server));
});
afterEach(() => world.end());

/** Nothing but the counter of fences. */
async function expectNothingLeft(): Promise<void> {
  expect(await client.keys('*')).toEqual(['lock:~nl:f']);
}

describe.each(SEVERAL)('%s: the state', (kind, access) => {
  const view = (): ReturnType<typeof holdersOf> => holdersOf(client);

  it('is a marker at the key, and the holders by the ends of their leases, beside the queue', async () => {
    const a = world.guest();
    const before = await view().now();
    const [short, long] = [await take(a, access, { ttl: TTL / 2 }), await take(a, access)];
    const after = await view().now();
    expect(await client.get('lock:k')).toBe(MARKERS[kind as keyof typeof MARKERS]);
    const members = await view().members();
    expect([...members.keys()]).toEqual([short, long]);
    for (const [token, ttl] of [
      [short, TTL / 2],
      [long, TTL],
    ] as const) {
      expect(members.get(token)).toBeGreaterThan(before + ttl - 1);
      expect(members.get(token)).toBeLessThanOrEqual(after + ttl);
    }
    expect(await client.keys('*')).toHaveLength(3);
  });

  it('expires with the holder that ends last, who is another one when that is extended or leaves', async () => {
    const [a, b] = world.guests(2);
    const expectEnd = async (token: string): Promise<void> => {
      const end = (await view().members()).get(token) ?? NaN;
      const left = end - (await view().now());
      for (const name of [view().lock, view().holders]) {
        const pttl = await client.pttl(name);
        expect(pttl).toBeGreaterThan(left - 500);
        expect(pttl).toBeLessThanOrEqual(left + 5);
      }
    };
    const [first, second] = [await take(a, access), await take(b, access, { ttl: TTL / 2 })];
    await expectEnd(first);
    await renew(b, 'k', second, { ttl: 3 * TTL });
    await expectEnd(second);
    await renew(a, 'k', first, { ttl: 2 * TTL });
    await expectEnd(second);
    await release(b, 'k', second);
    await expectEnd(first);
    const third = await take(b, access, { ttl: 3 * TTL });
    await expectEnd(third);
    await b.session.exchange({ key: 'k', release: { token: third, releaseAfter: 1_000 } });
    await expectEnd(first);
    await a.session.exchange({ key: 'k', release: { token: first, releaseAfter: 100 } });
    await expectEnd(third);
  });

  it('is gone when the last holder has given it up, whatever was requested in between', async () => {
    const [a, b] = world.guests(2);
    const [one, two] = [await take(a, access), await take(b, access)];
    await request(b, 'k', { token: two });
    await attempt(b, EXCLUSIVE);
    await renew(b, 'k', two);
    await release(a, 'k', one);
    await release(b, 'k', two);
    await expectNothingLeft();
  });

  it('is gone when the leases have ended, and nobody came', async () => {
    const [a, b] = world.guests(2);
    await take(a, access, { ttl: SHORT });
    const kept = await take(b, access, { ttl: TTL });
    await b.session.exchange({ key: 'k', release: { token: kept, releaseAfter: 2 * SHORT } });
    await eventually(() => expectNothingLeft(), { within: 1_000 });
  });

  it('is gone when an offer has lapsed and nobody came; the queue has an end of its own', async () => {
    const [a, b] = world.guests(2);
    await world.queues(b);
    const holders = [await take(a, access), await take(a, access)];
    const waits = await enqueue(b, semaphoreOrWriter(access));
    expect(await client.pttl('lock:~nl:q:k')).toBeGreaterThan(30_000);
    for (const token of holders) await release(a, 'k', token);
    expect((await world.offer(b)).token).toBe(waits);
    await eventually(() => expectNothingLeft(), { within: 3_000 });
  });

  it('loses its holders with the key: none of them holds it again, whoever takes it', async () => {
    for (const next of [EXCLUSIVE, SHARED, semaphore(1), semaphore(3)]) {
      const [a, b] = world.guests(2);
      const former = [await take(a, access), await take(b, access)];
      // A foreign client's release that compares nothing. What it left behind must not count.
      await client.del('lock:k');
      expect((await view().members()).size).toBe(2);
      expect((await renew(a, 'k', former[0])).held).toBe(false);
      const fresh = await take(b, next);
      for (const token of former) {
        expect((await renew(a, 'k', token, { fences: 1 })).held).toBe(false);
        expect((await release(a, 'k', token)).released).toBe(false);
      }
      expect((await renew(b, 'k', fresh)).held).toBe(true);
      if (next.limit === 3) {
        await take(a, next);
        await take(a, next);
        expect(await attempt(a, next)).toBe('busy');
      }
      await client.flushall();
    }
  });

  it("loses its holders to a foreign client's value", async () => {
    const a = world.guest();
    const token = await take(a, access);
    await client.set('lock:k', 'somebody', 'PX', TTL);
    expect((await renew(a, 'k', token)).held).toBe(false);
    expect((await release(a, 'k', token)).released).toBe(false);
    expect(await attempt(a, access)).toBe('busy');
    expect(await client.get('lock:k')).toBe('somebody');
    await client.del('lock:k');
    await take(a, access);
    expect((await view().members()).has(token)).toBe(false);
  });

  it('is free to all of ours when the holders alone were deleted', async () => {
    for (const next of [EXCLUSIVE, SHARED, semaphore(2)]) {
      for (const mode of ['once', 'queue'] as const) {
        const a = world.guest();
        const token = await take(a, access);
        await client.del(view().holders);
        expect((await renew(a, 'k', token)).held).toBe(false);
        const fresh = a.token(next);
        grantedOf(await request(a, 'k', { token: fresh, mode }));
        expect((await release(a, 'k', token)).released).toBe(false);
        expect((await release(a, 'k', fresh)).released).toBe(true);
        await expectNothingLeft();
      }
    }
    // Who finds it so and does not request frees it as well.
    const a = world.guest();
    const token = await take(a, access);
    await client.del(view().holders);
    expect((await release(a, 'k', token)).released).toBe(false);
    await expectNothingLeft();
  });

  it('works for a server that has forgotten the scripts', async () => {
    const [a, b] = world.guests(2);
    await world.queues(b);
    const forget = (): Promise<unknown> => client.script('FLUSH');
    await forget();
    const [one, two] = [await take(a, access), await take(a, access)];
    await forget();
    const waits = await enqueue(b, semaphoreOrWriter(access));
    await forget();
    expect((await renew(a, 'k', two)).held).toBe(true);
    await forget();
    await release(a, 'k', one);
    await forget();
    await release(a, 'k', two);
    expect((await world.offer(b)).token).toBe(waits);
  });

  it('requests too late do nothing', async () => {
    const a = world.guest();
    const held = await take(a, access, { ttl: SHORT });

    await pause(SHORT + 20);
    const reply = await client.eval(
      EXCHANGE.source,
      4,
      'lock:k',
      'lock:~nl:q:k',
      'lock:~nl:f',
      'lock:~nl:h:k',
      held,
      a.token(access),
      '10000',
      '1',
      'queue',
      '1',
    );
    expect(reply).toEqual([0, -2, expect.stringMatching(/^\d{16}$/)]);
    await eventually(() => expectNothingLeft());
  });
});

describe.each(KINDS)('%s: a client that uses SET NX', (_kind, access) => {
  it('is kept out, sees a string, cannot release it, and gets in afterwards', async () => {
    const a = world.guest();
    const token = await take(a, access);
    // redis.set(f"lock:{lock_name}", 1, ex=expire_time, nx=True)
    expect(await client.set('lock:k', '1', 'EX', 30, 'NX')).toBeNull();
    expect(await client.setnx('lock:k', '1')).toBe(0);
    expect(await client.type('lock:k')).toBe('string');
    expect(await client.get('lock:k')).toMatch(/^nl1:/);
    expect(await client.pttl('lock:k')).toBeGreaterThan(TTL / 2);
    const compareAndDelete =
      "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0";
    expect(await client.eval(compareAndDelete, 1, 'lock:k', 'mine')).toBe(0);
    await release(a, 'k', token);
    expect(await client.set('lock:k', '1', 'EX', 30, 'NX')).toBe('OK');
  });

  it('keeps us out, and is waited for', async () => {
    const a = world.guest();
    await world.queues(a);
    await client.set('lock:k', '1', 'EX', 30, 'NX');
    expect(await attempt(a, access)).toBe('busy');
    const waits = await enqueue(a, access);
    expect(await check(a, waits)).toBe('queued');
    await client.del('lock:k');
    expect(await check(a, waits)).toBe('granted');
    expect(await client.set('lock:k', '1', 'EX', 30, 'NX')).toBeNull();
  });
});

describe('the name of the holders', () => {
  it.each(['', 'app:', 'a~nl:q:', '~nl:f'])(
    'is what KeyNames says, after the prefix "%s"',
    async (prefix) => {
      const sessions = sessionsOn(server, { prefix });
      const a = sessions.world.guest();
      const names = new KeyNames(prefix, '', false);
      for (const key of ['k', 'a:b', '{k}', 'x~nl:q:y', 'ключ']) {
        grantedOf(await request(a, key, { token: a.token(SHARED) }));
        expect(await client.exists(names.holdersOf(key))).toBe(1);
      }
      await sessions.world.end();
    },
  );

  describe('in a Cluster', () => {
    let cluster: RedisCluster;
    beforeAll(async () => void (cluster = await startRedisCluster()), 60_000);
    afterAll(() => cluster.stop());

    it('lies in the slot of its key', async () => {
      const names = new KeyNames('lock:', '', true);
      const locks = locksWith(cluster.client(), {});
      const clustered = new World({ store: locks.store, elapse: pause, dispose: () => locks.close() });
      const a = clustered.guest();
      for (const key of ['k', '{k}x', '}{', 'k}x', '{}x', 'ключ', '🔒']) {
        grantedOf(await request(a, key, { token: a.token(semaphore(2)) }));
        expect(await locks.client.exists(names.holdersOf(key))).toBe(1);
        expect(slotOf(names.holdersOf(key))).toBe(slotOf(`lock:${key}`));
      }
      await clustered.end();
    });
  });
});

/** One that does not fit while two hold the key. */
function semaphoreOrWriter({ kind }: LockAccess): LockAccess {
  return kind === 'semaphore' ? semaphore(1) : EXCLUSIVE;
}
