/**
 * Each waiter in a Cluster is served, even if its connection for hand-offs is lost or its slot moves to another node.
 * Each title says how long the wait is at the most, and why. The first check of each waiter comes after ten seconds.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Cluster } from 'ioredis';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import {
  TRY_EVERY,
  TRY_TIMEOUT,
} from '../../lib/stores/redis/notifications/grant-notifications.interface.js';
import { type ClusterLocks, clusterLocksOn } from '../support/cluster-locks.js';
import { inSync, nodeId, startClusterReplica } from '../support/cluster-replica.js';
import { type ClusterQueueView, clusterQueueOf } from '../support/cluster-queue.js';
import { eventuallyTrue } from '../support/eventually.js';
import { type RedisCluster, type RedisServer, startRedisCluster } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { LOADED, timed } from '../support/waits.js';

const LONG = { ttl: '60s', wait: '60s' } as const;

let cluster: RedisCluster;
let client: Cluster;
let queue: ClusterQueueView;
const opened: ClusterLocks[] = [];
const ends: (() => Promise<void>)[] = [];

// Each test has its own Cluster, because its changes to the Cluster are not undone.
beforeEach(async () => {
  cluster = await startRedisCluster();
  client = cluster.client();
  queue = clusterQueueOf(client, 'k');
  await client.set('warm', '1');
}, 60_000);
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
  await Promise.all(ends.splice(0).map((end) => end()));
  await cluster.stop();
}, 60_000);

function locksOf(ioredis: 5 | 6): ClusterLocks {
  const locks = clusterLocksOn(cluster, { ioredis });
  opened.push(locks);
  return locks;
}

/** The node with the slot of the key, and the other nodes. */
function nodes(): { readonly master: RedisServer; readonly others: RedisServer[] } {
  const port = Number(client.slots[queue.slot][0].split(':').at(-1));
  const master = cluster.nodes.find((node) => node.port === port)!;
  return { master, others: cluster.nodes.filter((node) => node !== master) };
}

/** `holder` holds the key, and `locks` wait for it, behind ten dead waiters. */
async function waiting(holder: ClusterLocks, locks: ClusterLocks) {
  // The first wait subscribes. From then on a request queues at once.
  const first = await holder.service.acquire('k', LONG);
  const subscribed = locks.service.acquire('k', LONG);
  await queue.holds(1);
  await first.release();
  await (await subscribed).release();

  const held = await holder.service.acquire('k', LONG);
  await queue.crowd(10);
  const waits = locks.service.acquire('k', LONG);
  await queue.holds(11);
  return { held, waits };
}

/** A replica of the node. The replica is stopped after the test. */
async function replicaOf(master: RedisServer): ReturnType<typeof startClusterReplica> {
  const replica = await startClusterReplica(cluster, master);
  ends.push(() => replica.server.stop());
  return replica;
}

describe.each([6, 5] as const)('given a waiter on ioredis %i', (ioredis) => {
  it('given its connection for hand-offs is killed, then it waits for the reconnection, and then checks', async () => {
    const { held, waits } = await waiting(locksOf(ioredis), locksOf(ioredis));
    for (const node of cluster.nodes) {
      expect(await node.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBeGreaterThanOrEqual(0);
    }
    // No subscriber can get the message.
    const served = timed(waits);
    expect(await held.release()).toBe(true);
    const { value: lock, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    expect(lock.fence).toBeGreaterThan(held.fence);
    expect(await lock.release()).toBe(true);
  }, 60_000);

  it('given that connection is half open, then it waits for the next trial (3 s), its time-out (2 s) and the new connection', async () => {
    const locks = locksOf(ioredis);
    const { master } = nodes();
    const proxy = await startProxy(master);
    ends.push(() => proxy.stop());
    divert(locks, proxy);
    const { held, waits } = await waiting(locksOf(ioredis), locks);
    // The server counts the subscriber as alive, and makes an offer. The subscriber does not get the message.
    proxy.holdReplies();
    const served = timed(waits);
    expect(await held.release()).toBe(true);
    // Only `smessage` passes on the old connection, so this chunk belongs to a new one.
    await proxy.waitFor((chunk) => !chunk.includes('smessage'), { within: TRY_EVERY + TRY_TIMEOUT + LOADED });
    proxy.release();
    const { value: lock, waited } = await served;
    expect(waited).toBeLessThan(TRY_EVERY + TRY_TIMEOUT + LOADED);
    expect(await lock.release()).toBe(true);
  }, 60_000);

  it('given the slot moves to another node, then it waits no longer: the server ends the subscription, and it subscribes there', async () => {
    const locks = locksOf(ioredis);
    const { held, waits } = await waiting(locksOf(ioredis), locks);
    withoutTrials(locks);
    const { master, others } = nodes();
    const target = others[0];
    const [from, to] = [master.client(), target.client()];
    const [fromId, toId, slot] = [await nodeId(from), await nodeId(to), String(queue.slot)];
    await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    const keys = (await from.call('CLUSTER', 'GETKEYSINSLOT', slot, '100')) as string[];
    await from.call('MIGRATE', '127.0.0.1', String(target.port), '', '0', '5000', 'KEYS', ...keys);
    for (const node of [to, from, others[1].client()])
      await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    await queue.listens();
    const served = timed(waits);
    expect(await held.release()).toBe(true);
    const { value: lock, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    expect(lock.fence).toBeGreaterThan(held.fence);
    expect(await lock.release()).toBe(true);
  }, 60_000);

  it('given a replica replaces a master that lives, then it subscribes there within a trial, and waits no longer after that', async () => {
    const { master } = nodes();
    const { node } = await replicaOf(master);
    const locks = locksOf(ioredis);
    const { held, waits } = await waiting(locksOf(ioredis), locks);
    await node.call('CLUSTER', 'FAILOVER');
    await eventuallyTrue(async () => (await node.info('replication')).includes('role:master'), {
      within: 20_000,
    });
    await queue.listens({ within: TRY_EVERY + TRY_TIMEOUT + LOADED });
    const served = timed(waits);
    expect(await held.release()).toBe(true);
    const { value: lock, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    expect(lock.fence).toBeGreaterThan(held.fence);
    expect(await lock.release()).toBe(true);
  }, 90_000);

  it('given the master is killed and its replica replaces it, then it waits until it has found the replica: a trial (3 s) at the most', async () => {
    const { master } = nodes();
    const { node } = await replicaOf(master);
    const { held, waits } = await waiting(locksOf(ioredis), locksOf(ioredis));
    await inSync(master, node);
    await master.kill();
    await node.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    await eventuallyTrue(async () => (await node.info('replication')).includes('role:master'), {
      within: 20_000,
    });
    const found = timed(queue.listens());
    expect((await found).waited).toBeLessThan(TRY_EVERY + LOADED);
    const served = timed(waits);
    // Whether the client of the holder sends the release again after its connection ended is not the subject of this
    // test.
    await eventuallyTrue(async () => (await held.release()) || (await queue.holder()) !== held.token);
    const { value: lock, waited } = await served;
    expect(waited).toBeLessThan(LOADED);
    expect(lock.fence).toBeGreaterThan(held.fence);
    expect(await lock.release()).toBe(true);
  }, 90_000);
});

it('given a session that listens at a replica alone, then no offer is sent to it', async () => {
  const { master } = nodes();
  const { server } = await replicaOf(master);
  const locks = locksOf(6);
  const held = await locks.service.acquire('k', LONG);
  // After a fail-over, a session may still listen there. A sharded message reaches replicas too, and their subscribers
  // are not counted.
  const replica = server.client();
  const heard: string[] = [];
  replica.on('smessage', (_channel, message: string) => heard.push(message));
  await replica.ssubscribe(queue.channelOf('dead'));
  await queue.crowd(1);
  expect(await held.release()).toBe(true);
  expect(await queue.holder()).toBeNull();
  await client.eval(
    "return redis.call('SPUBLISH', ARGV[1], 'after')",
    1,
    queue.fences,
    queue.channelOf('dead'),
  );
  await eventuallyTrue(() => heard.length > 0);
  expect(heard).toEqual(['after']);
}, 60_000);

/** From now on these locks send no trial message to themselves every three seconds. */
function withoutTrials(locks: ClusterLocks): void {
  const call = locks.client.call.bind(locks.client);
  const isTrial = (args: unknown[]): boolean => String(args.at(-1)).startsWith('try ');
  Object.assign(locks.client, {
    call: (command: string, ...args: unknown[]) =>
      isTrial(args) ? new Promise(() => undefined) : call(command, ...args),
  });
}

/** From now on connections for hand-offs of these locks lead through the proxy. Their commands do not. */
function divert(locks: ClusterLocks, proxy: TcpProxy): void {
  const nodesOf = locks.client.nodes.bind(locks.client);
  const diverted = (node: RedisLike): Pick<RedisLike, 'options' | 'duplicate'> => ({
    options: node.options,
    duplicate: (override: object) => node.duplicate({ ...override, port: proxy.port }),
  });
  Object.assign(locks.client, { nodes: () => nodesOf().map(diverted) });
}
