import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisCluster, startRedisCluster } from '../support/redis-server.js';
import { CLUSTER_CLIENTS, redisStoreOn } from '../support/redis-subjects.js';

let cluster: RedisCluster;
beforeAll(async () => void (cluster = await startRedisCluster()), 60_000);
afterAll(() => cluster.stop());

describe('given a store on a Cluster', () => {
  it('then it has a queue, so that the contract suite did not skip its tests of queues', async () => {
    const store = redisStoreOn(CLUSTER_CLIENTS['ioredis 6'](cluster));
    const nothing = (): void => undefined;
    const session = store.open('session', { onGrant: nothing, onReconnected: nothing, onRecovered: nothing });
    await session.subscribe('k');
    expect([session.supportsQueue, session.canNotify('k')]).toEqual([true, true]);
    await store.close();
  });

  it('then a prefix with a brace is refused, because it would move the keys to another slot', () => {
    const client = CLUSTER_CLIENTS['ioredis 6'](cluster);
    expect(() => redisStoreOn(client, 'lock{a}:')).toThrow(/prefix .* holds a brace/);
    client.disconnect();
  });
});
