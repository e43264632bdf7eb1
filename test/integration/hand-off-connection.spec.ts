/**
 * The second connection, which hears of hand-offs, cannot be opened while the first connection works. Waits then cost no
 * memory, and the log says what is wrong.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { LockService } from '../../lib/lock.service.js';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { TRY_EVERY } from '../../lib/stores/redis/notifications/grant-notifications.interface.js';
import { type ClusterLocks, clusterLocksOn } from '../support/cluster-locks.js';
import { eventually } from '../support/eventually.js';
import { Remains } from '../support/garbage.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';
import { splitLocks } from '../support/split-locks.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { LOADED, timed } from '../support/waits.js';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const LONG = { ttl: '60s', wait: '60s' } as const;
const KEYS = 40;
const WAVES = 5;
/** Shared timers and connections keep the context of the caller that set them up first. */
const SHARED = 8;

/** Starts a server, the locks of a holder, and the locks under test. All of them end after the test. */
async function started(
  open: (server: RedisServer) => Locks | Promise<Locks>,
): Promise<{ readonly admin: Redis; readonly holder: Locks; readonly locks: Locks }> {
  const server = await startRedis();
  ends.push(() => server.stop());
  const holder = locksOn(server);
  ends.push(() => holder.close());
  const locks = await open(server);
  ends.push(() => locks.close());
  return { admin: server.client(), holder, locks };
}

/** Callers wait in vain for held keys, each in an async context of its own. Then nearly all contexts must be collected. */
async function expectNothingKept(service: LockService, keyOf: (i: number) => string): Promise<void> {
  const context = new AsyncLocalStorage<object>();
  const contexts = new Remains();
  const wait = async (i: number): Promise<string> => {
    const mine = { i };
    contexts.add(mine);
    // The wait is long enough for several polls.
    const busy = context.run(mine, () => service.acquire(keyOf(i), { wait: 150 }));
    return busy.then(String, (error: { code: string }) => error.code);
  };
  for (let wave = 0; wave < WAVES; wave += 1) {
    const codes = await Promise.all(Array.from({ length: KEYS }, (_, i) => wait(i)));
    expect(new Set(codes)).toEqual(new Set(['LOCK_BUSY']));
  }
  await eventually(async () => expect(await contexts.count()).toBeLessThanOrEqual(SHARED));
}

const FAILED = /second connection to Redis, .* cannot be opened: /;
const BACK = /second connection to Redis is there again/;

describe('a hand-off connection that the server refuses because of "maxclients"', () => {
  it('given waits that end, then they leave nothing behind, one log line names it, and hand-offs come back', async () => {
    const { admin, holder, locks } = await started((server) => locksOn(server));
    const held = await Promise.all(
      Array.from({ length: KEYS }, (_, i) => holder.service.acquire(`k${i}`, LONG)),
    );
    await (await locks.service.acquire('warm')).release();
    const connected = Number(/connected_clients:(\d+)/.exec(await admin.info('clients'))?.[1]);
    await admin.config('SET', 'maxclients', String(connected));

    await expectNothingKept(locks.service, (i) => `k${i}`);
    await eventually(() => expect(locks.warnings).toEqual([expect.stringMatching(FAILED)]));
    expect(locks.notes).toEqual([]);

    const waiting = locks.service.acquire('k0', LONG);
    await admin.config('SET', 'maxclients', '100');
    await eventually(() => expect(locks.notes).toEqual([expect.stringMatching(BACK)]));
    await eventually(async () => expect(await admin.zcard('lock:~nl:q:k0')).toBe(1));
    await held[0]?.release();
    await (await waiting).release();
    expect(locks.warnings).toHaveLength(1);
    await Promise.all(held.map((lock) => lock.release()));
  }, 60_000);
});

describe('a hand-off connection that is opened again', () => {
  it('given an end alone, or one together with the first connection, then nothing is logged', async () => {
    const { admin, holder, locks } = await started((server) => locksOn(server));
    const held = await holder.service.acquire('k', LONG);
    const waiting = locks.service.acquire('k', LONG);
    const queued = async (): Promise<void> => expect(await admin.zcard('lock:~nl:q:k')).toBe(1);
    await eventually(queued);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(async () => expect(await admin.pubsub('NUMPAT')).toBe(0));
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await held.release();
    await (await waiting).release();
    expect([...locks.warnings, ...locks.notes]).toEqual([]);
  });

  it('given repeated failures, then each outage is one log line, and each return another one', async () => {
    let proxy!: TcpProxy;
    const { admin, holder, locks } = await started(async (server) => {
      proxy = await startProxy(server);
      ends.push(() => proxy.stop());
      return splitLocks({ commands: server, handOffs: proxy });
    });
    const held = await holder.service.acquire('k', LONG);
    const waiting = locks.service.acquire('k', LONG);
    await eventually(async () => expect(await admin.zcard('lock:~nl:q:k')).toBe(1));
    for (let round = 1; round <= 2; round += 1) {
      proxy.refuse();
      proxy.cut();
      await eventually(() => expect(locks.warnings).toHaveLength(round));
      proxy.accept();
      await eventually(() => expect(locks.notes).toHaveLength(round));
    }
    await held.release();
    await (await waiting).release();
  });
});

describe('the hand-off connections of a Cluster', () => {
  it.each([6, 5] as const)(
    'given waits that end (ioredis %i), then they leave nothing behind, one log line names the outage, one the return',
    async (ioredis) => {
      const cluster = await startRedisCluster();
      ends.push(() => cluster.stop());
      const holder = clusterLocksOn(cluster, { ioredis });
      const locks = clusterLocksOn(cluster, { ioredis });
      ends.push(
        () => locks.close(),
        () => holder.close(),
      );
      const proxies = await Promise.all(cluster.nodes.map((node) => startProxy(node)));
      ends.push(() => Promise.all(proxies.map((proxy) => proxy.stop())));
      divert(locks, new Map(cluster.nodes.map(({ port }, i) => [port, proxies[i]])));
      for (const proxy of proxies) proxy.refuse();
      // A channel keeps the context of the first caller of its slot, so there are few slots.
      const keyOf = (i: number): string => `{${i % 4}}${i}`;
      const held = await Promise.all(
        Array.from({ length: KEYS }, (_, i) => holder.service.acquire(keyOf(i), LONG)),
      );
      await expectNothingKept(locks.service, keyOf);
      expect(locks.warnings).toEqual([expect.stringMatching(FAILED)]);
      const waiting = locks.service.acquire(keyOf(0), LONG);
      for (const proxy of proxies) proxy.accept();
      await eventually(() => expect(locks.notes).toEqual([expect.stringMatching(BACK)]), {
        within: TRY_EVERY + LOADED,
      });
      await held[0]?.release();
      const { value, waited } = await timed(waiting);
      expect(waited).toBeLessThan(LOADED);
      await value.release();
      expect(locks.warnings).toHaveLength(1);
      await Promise.all(held.map((lock) => lock.release()));
    },
    60_000,
  );
});

/** Leads the locks' connections for hand-offs through the proxies, but not their commands. */
function divert(locks: ClusterLocks, proxies: ReadonlyMap<number, TcpProxy | undefined>): void {
  const nodesOf = locks.client.nodes.bind(locks.client);
  const diverted = (node: RedisLike): Pick<RedisLike, 'options' | 'duplicate'> => ({
    options: node.options,
    duplicate: (override: object) =>
      node.duplicate({ ...override, port: proxies.get((node.options as { port: number }).port)?.port }),
  });
  Object.assign(locks.client, { nodes: () => nodesOf().map(diverted) });
}
