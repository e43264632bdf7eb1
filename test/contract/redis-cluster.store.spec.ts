import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type RedisCluster, startRedisCluster } from '../support/redis-server.js';
import { CLUSTER_CLIENTS, redisSubject } from '../support/redis-subjects.js';

let cluster: RedisCluster;
beforeAll(async () => void (cluster = await startRedisCluster()), 60_000);
afterAll(() => cluster.stop());

// Most of a test is waiting for real expiries, so tests run beside one another.
for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
  storeContract({ describe, it: it.concurrent }, `RedisLockStore on a Cluster, ${name}`, () =>
    Promise.resolve(redisSubject(connect(cluster))),
  );
}
