import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type RedisCluster, startRedisCluster } from '../support/redis-server.js';
import { CLUSTER_CLIENTS, flushCluster, redisSubject } from '../support/redis-subjects.js';

let cluster: RedisCluster;
beforeAll(async () => void (cluster = await startRedisCluster()), 60_000);
afterAll(() => cluster.stop());

for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
  storeContract({ describe, it }, `RedisLockStore on a Cluster, ${name}`, async () => {
    await flushCluster(cluster);
    return redisSubject(connect(cluster));
  });
}
