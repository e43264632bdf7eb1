/** Hand-offs in a Cluster: processes queue for a key, and a message hands it off to the next process. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Cluster } from 'ioredis';
import { TRY_EVERY } from '../../lib/stores/redis/notifications/grant-notifications.interface.js';
import { type Child, startChild } from '../support/child-process.js';
import { type ClusterLocks, type ClusterLocksOptions, clusterLocksOn } from '../support/cluster-locks.js';
import { clusterQueueOf } from '../support/cluster-queue.js';
import { eventuallyTrue } from '../support/eventually.js';
import { type RedisCluster, startRedisCluster } from '../support/redis-server.js';
import { LOADED, timed } from '../support/waits.js';
import type { LocksHandlers } from '../support/workers/locks.worker.js';

const LONG = { ttl: '60s', wait: '60s' } as const;
/** Keys with and without braces. Their slots lie on all nodes. */
const KEYS = ['k', 'order:1', 'order:2', 'lock:}x', '{a}b', '{}x', '}{', 'a{b', '{{a}}', 'ключ', ' ', 'x\ny'];

let cluster: RedisCluster;
let client: Cluster;
const opened: ClusterLocks[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster();
  client = cluster.client();
}, 60_000);
afterAll(() => cluster.stop());
beforeEach(() => flush(cluster));
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

function locksOf(options?: ClusterLocksOptions, of: RedisCluster = cluster): ClusterLocks {
  const locks = clusterLocksOn(of, options);
  opened.push(locks);
  return locks;
}

async function onNodes(of: RedisCluster, ...command: [string, ...string[]]): Promise<string[]> {
  return Promise.all(
    of.nodes.map(async (node) => {
      const each = node.client();
      const reply = String(await each.call(...command));
      each.disconnect();
      return reply;
    }),
  );
}

const flush = (of: RedisCluster): Promise<string[]> => onNodes(of, 'FLUSHALL');

/** The number of scripts that all nodes have run. */
async function scriptsRun(): Promise<number> {
  const stats = await onNodes(cluster, 'INFO', 'commandstats');
  return stats
    .flatMap((each) => [...each.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)])
    .reduce((sum, [, calls]) => sum + Number(calls), 0);
}

describe.each([6, 5] as const)('hand-offs in a Cluster with ioredis %i', (ioredis) => {
  it('given a waiter in another process, then a message hands the key off without a command of the waiter', async () => {
    const file = new URL('../support/workers/locks.worker.ts', import.meta.url);
    const start = async (): Promise<Child<LocksHandlers>> => {
      const child = await startChild<LocksHandlers>(file);
      await child.call('openOnCluster', { startupNodes: cluster.startupNodes }, { ioredis });
      return child;
    };
    const [holder, waiter] = await Promise.all([start(), start()]);
    try {
      const queue = clusterQueueOf(client, 'k');
      await holder.call('request', 'k', LONG);
      const first = await holder.call('acquired', 'k');
      // The waiter's first check is far off. If it gets the key before, a message has told it.
      await queue.crowd(10);
      await waiter.call('request', 'k', LONG);
      await queue.holds(11);
      const since = performance.now();
      const before = await scriptsRun();
      const served = timed(waiter.call('acquired', 'k'));
      expect(await holder.call('release', 'k')).toBe(true);
      const { value: second, waited } = await served;
      expect(waited).toBeLessThan(LOADED);
      expect(second.fence).toBeGreaterThan(first.fence);
      expect(await queue.holder()).toBe(second.token);
      await waiter.call('release', 'k');
      // The holder's release, the waiter's confirmation of the offer, the waiter's release, and the trials of its channel,
      // which come every three seconds.
      const trials = 1 + Math.floor((performance.now() - since) / TRY_EVERY);
      expect((await scriptsRun()) - before).toBeLessThanOrEqual(3 + trials);
    } finally {
      await Promise.all([holder.kill(), waiter.kill()]);
    }
  }, 60_000);

  it('given keys of any name, then each key is handed off in its own slot, all at the same time', async () => {
    const [a, b] = [locksOf({ ioredis }), locksOf({ ioredis })];
    const held = await Promise.all(KEYS.map((key) => a.service.acquire(key, LONG)));
    for (const key of KEYS) await clusterQueueOf(client, key).crowd(10);
    const waits = KEYS.map((key) => b.service.acquire(key, LONG));
    for (const key of KEYS) await clusterQueueOf(client, key).holds(11);
    const served = timed(Promise.all(waits));
    await Promise.all(held.map((lock) => lock.release()));
    const { value: locks, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    for (const [i, lock] of locks.entries()) {
      expect(lock.fence).toBeGreaterThan(held[i].fence);
      expect(await lock.release()).toBe(true);
    }
    const slots = new Set(KEYS.map((key) => client.slots[clusterQueueOf(client, key).slot][0]));
    expect(slots.size).toBe(cluster.nodes.length);
  });

  it('given waiters in several processes, then the processes are served in the order in which they queued', async () => {
    const all = [locksOf({ ioredis }), locksOf({ ioredis }), locksOf({ ioredis }), locksOf({ ioredis })];
    const queue = clusterQueueOf(client, 'k');
    const held = await all[0].service.acquire('k', LONG);
    const served: number[] = [];
    const calls: Promise<void>[] = [];
    for (const i of [2, 1, 3]) {
      calls.push(all[i].service.using('k', LONG, () => void served.push(i)));
      await queue.holds(calls.length);
    }
    await held.release();
    await Promise.all(calls);
    expect(served).toEqual([2, 1, 3]);
  });
});

it('given waits for keys of one slot, then one connection to the node of that slot is opened', async () => {
  const [a, b] = [locksOf(), locksOf({ cluster: { redisOptions: { connectionName: 'b' } } })];
  const own = async (): Promise<number[]> => {
    const lists = await onNodes(cluster, 'CLIENT', 'LIST');
    return lists.map((list) => list.match(/^.*name=b .*\bssub=[1-9].*$/gm)?.length ?? 0);
  };
  const held = await a.service.acquire(['{x}1', '{x}2', '{x}3'], LONG);
  const waits = ['{x}1', '{x}2', '{x}3'].map((key) => b.service.using(key, LONG, () => undefined));
  await clusterQueueOf(client, '{x}3').holds(1);
  expect((await own()).sort()).toEqual([0, 0, 1]);
  await held.release();
  await Promise.all(waits);
});

it('given keys of one slot, then they share a fence counter, and fences rise over its keys and processes', async () => {
  const [a, b] = [locksOf(), locksOf()];
  let last = 0;
  for (let i = 0; i < 20; i += 1) {
    const { service } = i % 2 === 0 ? a : b;
    await service.using(`{x}${i % 3}`, LONG, (lock) => {
      expect(lock.fence).toBeGreaterThan(last);
      last = lock.fence;
    });
  }
  const [one, other] = ['{x}1', 'k'].map((key) => clusterQueueOf(client, key));
  expect(one.slot).not.toBe(other.slot);
  expect(Number(await client.get(one.fences))).toBe(last);
  expect(await client.get(other.fences)).toBeNull();
  const both = await a.service.acquire(['{x}1', 'k']);
  expect([...both.fences.keys()].sort()).toEqual(['k', '{x}1']);
  expect(() => both.fence).toThrow();
  await both.release();
});

describe('a Cluster without SSUBSCRIBE', () => {
  let old: RedisCluster;
  beforeAll(async () => {
    old = await startRedisCluster(3, { config: { 'rename-command': 'SSUBSCRIBE ""' } });
  }, 60_000);
  afterAll(() => old.stop());

  it.each([6, 5] as const)(
    'given two processes (ioredis %i), then both poll, and neither keeps the other out',
    async (ioredis) => {
      await flush(old);
      const [a, b] = [locksOf({ ioredis }, old), locksOf({ ioredis }, old)];
      // A process that always has waiters, and was never told "busy", must not keep other processes out.
      let count = 0;
      let served = false;
      const callers = Array.from({ length: 4 }, async () => {
        while (!served) await a.service.using('k', LONG, () => void (count += 1));
      });
      await eventuallyTrue(() => count > 100);
      try {
        await b.service.using('k', { wait: 5_000 }, () => undefined);
      } finally {
        served = true;
        await Promise.all(callers);
      }
      const held = await a.service.acquire('k', LONG);
      const waiting = b.service.acquire('k', LONG);
      await expect(b.service.acquire('k', { wait: 400 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
      expect(await clusterQueueOf(old.client(), 'k').tokens()).toEqual([]);
      await held.release();
      expect(await (await waiting).release()).toBe(true);
    },
  );
});

describe('the rights of a Redis user of a Cluster', () => {
  const RIGHTS =
    '+eval +evalsha +get +set +del +exists +pttl +pexpire +time +zadd +zcard +zpopmin +zrange +zrank +zrem +zscore +ping +info ' +
    '+client +cluster|slots +cluster|info +pubsub|shardnumsub';

  async function user(name: string, rules: string): Promise<ClusterLocksOptions> {
    await onNodes(cluster, 'ACL', 'SETUSER', name, 'reset', 'on', '>secret', '~lock:*', ...rules.split(' '));
    return { cluster: { redisOptions: { username: name, password: 'secret' } } };
  }

  it('given the rights of the documentation, then a hand-off works without a warning', async () => {
    const options = await user('full', `&lock:* ${RIGHTS} +spublish +ssubscribe`);
    const [a, b] = [locksOf(options), locksOf(options)];
    const held = await a.service.acquire('k', LONG);
    await clusterQueueOf(client, 'k').crowd(10);
    const waiting = timed(b.service.acquire('k', LONG));
    await clusterQueueOf(client, 'k').holds(11);
    await held.release();
    expect((await waiting).waited).toBeLessThan(LOADED);
    expect([...a.warnings, ...b.warnings]).toEqual([]);
  });

  it.each([
    ['the channel', `resetchannels ${RIGHTS} +spublish +ssubscribe`],
    ['SSUBSCRIBE', `&lock:* ${RIGHTS} +spublish`],
  ])(
    'given a user without the right to %s, then a wait fails with LOCK_STORE that names it, and a free key is granted',
    async (_, rules) => {
      const options = await user('deaf', rules);
      const held = await locksOf().service.acquire('k', LONG);
      const { service } = locksOf(options);
      await expect(service.acquire('k', LONG)).rejects.toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/subscribing to the channel "lock:~nl:w\{\w+\}:.*SSUBSCRIBE/),
      });
      // A call that does not wait needs neither right.
      expect(await service.tryAcquire('k')).toBeNull();
      expect(await held.release()).toBe(true);
      expect(await (await service.acquire('k')).release()).toBe(true);
    },
  );

  it('given a holder without SPUBLISH, then waiters get the key by checks, and one warning names the right', async () => {
    const mute = locksOf(await user('mute', `&lock:* ${RIGHTS} +ssubscribe`));
    const other = locksOf();
    const held = await mute.service.acquire('k', LONG);
    const waiting = other.service.acquire('k', LONG);
    await clusterQueueOf(client, 'k').holds(1);
    await held.release();
    expect(await (await waiting).release()).toBe(true);
    await eventuallyTrue(() => mute.warnings.length === 1);
    expect(mute.warnings[0]).toMatch(/refuses SPUBLISH .*channels "lock:~nl:w\{\*"/);
  });
});
