import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { SERVER_CLIENTS, redisSubject } from '../support/redis-subjects.js';

let server: RedisServer;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());

for (const [name, connect] of Object.entries(SERVER_CLIENTS)) {
  storeContract({ describe, it }, `RedisLockStore on ${name}`, async () => {
    const client = connect(server.url);
    await client.call('FLUSHALL');
    return redisSubject(client);
  });
}
