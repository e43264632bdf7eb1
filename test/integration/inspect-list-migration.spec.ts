/** `list` on a Cluster of which one slot moves from node to node. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { Cluster, Redis } from 'ioredis';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { type ClusterLocks, clusterLocksOn } from '../support/cluster-locks.js';
import { type RedisCluster, startRedisCluster } from '../support/redis-server.js';

const names = Array.from({ length: 40 }, (_, i) => `{moving}:${i}`);
const others = Array.from({ length: 60 }, (_, i) => `other:${i}`);

let cluster: RedisCluster;
let client: Cluster;
let locks: ClusterLocks;
let slot: string;
let from: Redis;
let to: Redis;
let target: { readonly port: number };

beforeEach(async () => {
  cluster = await startRedisCluster();
  client = cluster.client();
  locks = clusterLocksOn(cluster);
  await Promise.all([...names, ...others].map((name) => client.set(`lock:${name}`, 'x')));
  slot = String(await client.cluster('KEYSLOT', 'lock:{moving}'));
  const owner = Math.floor((Number(slot) * cluster.nodes.length) / 16_384);
  target = cluster.nodes[(owner + 1) % cluster.nodes.length];
  from = cluster.nodes[owner].client();
  to = cluster.nodes[(owner + 1) % cluster.nodes.length].client();
}, 60_000);
afterEach(async () => {
  await locks.close();
  await cluster.stop();
});

const idOf = async (node: Redis): Promise<string> => String(await node.call('CLUSTER', 'MYID'));

async function beginMigration(): Promise<void> {
  await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(from));
  await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await idOf(to));
}

async function move(some: readonly string[]): Promise<void> {
  const keys = some.map((name) => `lock:${name}`);
  await from.call('MIGRATE', '127.0.0.1', String(target.port), '', '0', '5000', 'KEYS', ...keys);
}

async function listed(onKey?: (key: string) => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of locks.service.list()) {
    found.push(key);
    await onKey?.(key);
  }
  return found.sort();
}

const all = [...names, ...others].sort();

it('given a slot of which half of the keys have moved, then each key is found, once', async () => {
  const held = await locks.service.acquire('{moving}:shared', { mode: 'shared', ttl: '5m' });
  await beginMigration();
  // The key of the shared lock moves, and the set of its holders stays.
  await move([...names.slice(0, 20), ...held.keys]);
  expect(await listed()).toEqual([...all, ...held.keys].sort());
  const info = await locks.service.inspect('{moving}:shared');
  expect(info).toMatchObject({ kind: 'shared', holders: [{ answered: true }] });
});

it('given a slot that has moved before the nodes know it, then each key is found, once', async () => {
  await beginMigration();
  await move(names);
  await to.call('CLUSTER', 'SETSLOT', slot, 'NODE', await idOf(to));
  expect(await listed()).toEqual(all);
});

it('given keys that move to a node that was searched before, then each key is found, once', async () => {
  await beginMigration();
  const { port } = to.options;
  const masters = locks.client.nodes.bind(locks.client);
  // The target is searched first.
  locks.client.nodes = (role) => {
    const isTarget = (node: RedisLike) => Number((node.options as { port: number }).port === port);
    return masters(role).sort((a, b) => isTarget(b) - isTarget(a));
  };
  const onTarget = new Set(await keysOf(to));
  const pending = new Set(onTarget);
  const found = await listed(async (key) => {
    // The target has so few keys that one step reads all of them.
    if (pending.delete(key) && pending.size === 0) await move(names);
  });
  expect(onTarget.size).toBeGreaterThan(0);
  expect(found).toEqual(all);
});

async function keysOf(node: Redis): Promise<string[]> {
  return (await node.keys('lock:*')).map((name) => name.slice('lock:'.length));
}
