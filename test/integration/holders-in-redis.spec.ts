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

/** Expects that nothing but the fence counter is left. */
async function expectNothingLeft(): Promise<void> {
  expect(await client.keys('*')).toEqual(['lock:~nl:f']);
}

describe.each(SEVERAL)('%s: the state in Redis', (kind, access) => {
  const view = (): ReturnType<typeof holdersOf> => holdersOf(client);

  it('given two holders, then the key has a marker, and the holders are sorted by the ends of their leases', async () => {
    const a = world.participant();
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

  it('given renewals and releases, then the key expires with the holder whose lease ends last', async () => {
    const [a, b] = world.participants(2);
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

  it('given other requests in between, when the last holder releases, then nothing is left', async () => {
    const [a, b] = world.participants(2);
    const [one, two] = [await take(a, access), await take(b, access)];
    await request(b, 'k', { token: two });
    await attempt(b, EXCLUSIVE);
    await renew(b, 'k', two);
    await release(a, 'k', one);
    await release(b, 'k', two);
    await expectNothingLeft();
  });

  it('given leases that have ended, then nothing is left', async () => {
    const [a, b] = world.participants(2);
    await take(a, access, { ttl: SHORT });
    const kept = await take(b, access, { ttl: TTL });
    await b.session.exchange({ key: 'k', release: { token: kept, releaseAfter: 2 * SHORT } });
    await eventually(() => expectNothingLeft(), { within: 2 * SHORT + 2_000 });
  });

  it('given an offer that lapsed, then nothing is left, and the queue has an expiry of its own', async () => {
    const [a, b] = world.participants(2);
    await world.canQueue(b);
    const holders = [await take(a, access), await take(a, access)];
    const waits = await enqueue(b, semaphoreOrWriter(access));
    expect(await client.pttl('lock:~nl:q:k')).toBeGreaterThan(30_000);
    for (const token of holders) await release(a, 'k', token);
    expect((await world.offer(b)).token).toBe(waits);
    await eventually(() => expectNothingLeft(), { within: 3_000 });
  });

  it('given a deleted key, then none of the former holders holds it again, whatever is granted next', async () => {
    for (const next of [EXCLUSIVE, SHARED, semaphore(1), semaphore(3)]) {
      const [a, b] = world.participants(2);
      const former = [await take(a, access), await take(b, access)];
      // A foreign client deletes the key without comparing its value. The holders that are left must not count.
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

  it("given a foreign client's value at the key, then the holders have lost it", async () => {
    const a = world.participant();
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

  it('given deleted holders alone, then every kind can acquire the key', async () => {
    for (const next of [EXCLUSIVE, SHARED, semaphore(2)]) {
      for (const mode of ['once', 'queue'] as const) {
        const a = world.participant();
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
    // A release that finds the holders deleted frees the key as well.
    const a = world.participant();
    const token = await take(a, access);
    await client.del(view().holders);
    expect((await release(a, 'k', token)).released).toBe(false);
    await expectNothingLeft();
  });

  it('given a server that has forgotten the scripts, then every command works', async () => {
    const [a, b] = world.participants(2);
    await world.canQueue(b);
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

  it('given a request that arrives after its lease would have ended, then it does nothing', async () => {
    const a = world.participant();
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

describe.each(KINDS)('%s: a foreign client that uses SET NX', (_kind, access) => {
  it('given a held lock, then the foreign client is kept out, cannot release it, and gets in afterwards', async () => {
    const a = world.participant();
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

  it("given a foreign client's key, then this library is kept out and waits for it", async () => {
    const a = world.participant();
    await world.canQueue(a);
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
    'given the prefix "%s", then the name is what KeyNames says',
    async (prefix) => {
      const sessions = sessionsOn(server, { prefix });
      const a = sessions.world.participant();
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

    it('given any key, then the name lies in the slot of the key', async () => {
      const names = new KeyNames('lock:', '', true);
      const locks = locksWith(cluster.client(), {});
      const clustered = new World({ store: locks.store, elapse: pause, dispose: () => locks.close() });
      const a = clustered.participant();
      for (const key of ['k', '{k}x', '}{', 'k}x', '{}x', 'ключ', '🔒']) {
        grantedOf(await request(a, key, { token: a.token(semaphore(2)) }));
        expect(await locks.client.exists(names.holdersOf(key))).toBe(1);
        expect(slotOf(names.holdersOf(key))).toBe(slotOf(`lock:${key}`));
      }
      await clustered.end();
    });
  });
});

/** A kind that cannot be granted while two hold the key. */
function semaphoreOrWriter({ kind }: LockAccess): LockAccess {
  return kind === 'semaphore' ? semaphore(1) : EXCLUSIVE;
}
