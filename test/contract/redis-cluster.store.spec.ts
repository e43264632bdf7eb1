import { setTimeout as elapse } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster as Cluster6 } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { RedisLockStore } from '../../lib/stores/redis/redis.store.js';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type RedisCluster, startRedisCluster } from '../support/redis-server.js';

let cluster: RedisCluster;
beforeAll(async () => void (cluster = await startRedisCluster()), 60_000);
afterAll(() => cluster.stop());

const CLIENTS: Record<string, () => RedisLike> = {
  'ioredis 6': () => new Cluster6([...cluster.startupNodes]),
  'ioredis 5': () => new Cluster5([...cluster.startupNodes]),
  'ioredis 6 with a keyPrefix and auto-pipelining': () =>
    new Cluster6([...cluster.startupNodes], { keyPrefix: 'app:', enableAutoPipelining: true }),
};

async function flush(): Promise<void> {
  await Promise.all(
    cluster.nodes.map(async (node) => {
      const client = node.client();
      await client.flushall();
      client.disconnect();
    }),
  );
}

function storeOn(client: RedisLike, prefix = 'lock:'): RedisLockStore {
  const warn = (message: string): never => {
    throw new Error(message);
  };
  return new RedisLockStore({ client, prefix, commandTimeout: 2_000, owned: true, warn });
}

for (const [name, connect] of Object.entries(CLIENTS)) {
  storeContract({ describe, it }, `RedisLockStore on a Cluster, ${name}`, async () => {
    await flush();
    const client = connect();
    const occupy = async (key: string, ms: number): Promise<void> => {
      await client.call('SET', `lock:${key}`, '1', 'PX', ms, 'NX');
    };
    return { store: storeOn(client), elapse, occupy };
  });
}

describe('given a store on a Cluster', () => {
  it('then it has a queue, so that the suite did not skip its tests of queues', async () => {
    const store = storeOn(CLIENTS['ioredis 6']());
    const nothing = (): void => undefined;
    const session = store.open('session', { onGrant: nothing, onReconnected: nothing, onRecovered: nothing });
    await session.subscribe('k');
    expect([session.supportsQueue, session.canNotify('k')]).toEqual([true, true]);
    await store.close();
  });

  it('then a prefix with a brace is refused, because it would move the keys to another slot', () => {
    const client = new Cluster6([...cluster.startupNodes]);
    expect(() => storeOn(client, 'lock{a}:')).toThrow(/prefix .* holds a brace/);
    client.disconnect();
  });
});
