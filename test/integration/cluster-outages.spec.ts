/** A node of a Cluster is away, or cannot be reached, for a moment. Callers with time to wait do not notice. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Cluster } from 'ioredis';
import type { LockError } from '../../lib/errors/index.js';
import { type ClusterLocks, clusterLocksOn } from '../support/cluster-locks.js';
import { type ClusterQueueView, clusterQueueOf } from '../support/cluster-queue.js';
import { startClusterReplica } from '../support/cluster-replica.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type RedisCluster, type RedisServer, startRedisCluster } from '../support/redis-server.js';

let cluster: RedisCluster;
let client: Cluster;
let queue: ClusterQueueView;
const ends: (() => Promise<void>)[] = [];

// Each test has its own Cluster, because a test does not undo its changes.
beforeEach(async () => {
  cluster = await startRedisCluster();
  client = cluster.client();
  queue = clusterQueueOf(client, 'k');
  await client.set('warm', '1');
}, 60_000);
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await cluster.stop();
}, 60_000);

function locksOf(ioredis: 5 | 6, options: { commandTimeout?: number } = {}): ClusterLocks {
  const locks = clusterLocksOn(cluster, { ioredis, ...options });
  ends.unshift(() => locks.close());
  return locks;
}

/** The master of the key's slot. */
function masterOf(): RedisServer {
  const port = Number(client.slots[queue.slot][0].split(':').at(-1));
  return cluster.nodes.find((node) => node.port === port)!;
}

async function replicaOf(master: RedisServer): ReturnType<typeof startClusterReplica> {
  const replica = await startClusterReplica(cluster, master);
  ends.push(() => replica.server.stop());
  return replica;
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'granted',
    (error: LockError) => `${error.code}: ${error.message}`,
  );

/** Keys with the tag `lock:k` are of the slot of the lock `k`. */
const SLOT = '{lock:k}';

/** Takes the key, and gives it back. */
const passing = (locks: ClusterLocks, key: string, wait: number): Promise<string> =>
  codeOf(locks.service.using(key, { wait }, () => undefined));

describe.each([6, 5] as const)('a Cluster outage with ioredis %i', (ioredis) => {
  it('given killed connections and a replica that refuses, then commands go to the node of the slot and are granted', async () => {
    const master = masterOf();
    const { server } = await replicaOf(master);
    const locks = locksOf(ioredis);
    const { client: own } = locks;
    await (await locks.service.acquire('k')).release();
    // Nodes announce a replica once they know that it has data.
    const connected = async (): Promise<boolean> => {
      await new Promise<void>((resolve) => own.refreshSlotsCache?.(resolve));
      await Promise.all(own.nodes().map((each) => each.call('PING')));
      return own.nodes().length === 4 && own.slots[queue.slot]?.length === 2;
    };
    await eventuallyTrue(connected, { within: 20_000, every: 100 });
    const held = await locks.service.acquire(`${SLOT}held`);
    let refused = 0;
    const call = own.call.bind(own);
    Object.assign(own, {
      call: async (command: string, ...args: unknown[]) =>
        call(command, ...args).catch((error: Error) => {
          if (error.message.includes('READONLY')) refused += 1;
          throw error;
        }),
    });
    for (let round = 0; round < 5; round += 1) {
      for (const each of cluster.nodes) await each.client().call('CLIENT', 'KILL', 'TYPE', 'normal');
      await eventuallyTrue(() =>
        own.nodes().every(({ options }) => 'port' in options && options.port === server.port),
      );
      // No call waits for a busy key. A refused command is sent again within its own time.
      const calls = Array.from({ length: 5 }, (_, i) => passing(locks, `${SLOT}${i}`, 0));
      const extended = codeOf(held.extend());
      expect(new Set(await Promise.all([...calls, extended]))).toEqual(new Set(['granted']));
      await eventuallyTrue(connected, { within: 20_000, every: 100 });
    }
    expect(await held.release()).toBe(true);
    expect(refused).toBeGreaterThan(0);
  }, 90_000);

  it('given a killed master whose replica takes over, then every caller with time to wait is granted', async () => {
    const master = masterOf();
    const { node } = await replicaOf(master);
    const locks = locksOf(ioredis, { commandTimeout: 10_000 });
    await (await locks.service.acquire('k')).release();
    const calls: Promise<string>[] = [];
    let over = false;
    const coming = (async () => {
      for (let i = 0; !over; i += 1) {
        calls.push(passing(locks, `${SLOT}${i}`, 40_000), passing(locks, `other${i}`, 40_000));
        await pause(5);
      }
    })();
    await master.kill();
    const since = performance.now();
    // Longer than ioredis keeps sending one command again.
    await eventuallyTrue(() => performance.now() > since + 2_500);
    await node.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    // A try may wait for a whole command time-out before its own wait of 8 s.
    await eventually(async () => expect(await passing(locks, `${SLOT}last`, 8_000)).toBe('granted'), {
      within: 40_000,
    });
    over = true;
    await coming;
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['granted']));
  }, 90_000);
});
