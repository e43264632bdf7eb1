/** A replica of one master of a Cluster. */
import type { Redis } from 'ioredis';
import { eventuallyTrue } from './eventually.js';
import { type RedisCluster, type RedisServer, startRedis } from './redis-server.js';

const WITHIN = { within: 20_000 };

/** The id of a node in its Cluster. */
export const nodeId = async (node: Redis): Promise<string> => String(await node.call('CLUSTER', 'MYID'));

/** Waits until the replica has all that the master has by now. Replication is asynchronous. */
export async function inSync(master: RedisServer, replica: Redis): Promise<void> {
  const offsetOf = async (node: Redis, role: string): Promise<number> =>
    Number(new RegExp(`^${role}_repl_offset:(\\d+)`, 'm').exec(await node.info('replication'))?.[1]);
  const sent = await offsetOf(master.client(), 'master');
  await eventuallyTrue(async () => (await offsetOf(replica, 'slave')) >= sent, WITHIN);
}

/** Starts a replica of the node, and waits until it is in sync and known to the Cluster. The caller must stop it. */
export async function startClusterReplica(
  cluster: RedisCluster,
  master: RedisServer,
): Promise<{ readonly server: RedisServer; readonly node: Redis }> {
  const server = await startRedis({
    config: { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf', 'cluster-node-timeout': '5000' },
  });
  try {
    const node = server.client();
    const masterId = await nodeId(master.client());
    await node.call('CLUSTER', 'MEET', '127.0.0.1', String(master.port));
    await eventuallyTrue(async () => String(await node.call('CLUSTER', 'NODES')).includes(masterId), WITHIN);
    await eventuallyTrue(async () => (await node.call('CLUSTER', 'REPLICATE', masterId)) === 'OK', WITHIN);
    await eventuallyTrue(
      async () => (await node.info('replication')).includes('master_link_status:up'),
      WITHIN,
    );
    const own = await nodeId(node);
    for (const each of cluster.nodes) {
      const other = each.client();
      const known = async (): Promise<boolean> =>
        String(await other.call('CLUSTER', 'NODES')).includes(`${own} `) &&
        String(await other.call('CLUSTER', 'REPLICAS', masterId)).includes(own);
      await eventuallyTrue(known, { ...WITHIN, every: 20 });
    }
    return { server, node };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
