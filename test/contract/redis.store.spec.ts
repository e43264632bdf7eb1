import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { SERVER_CLIENTS, redisSubject } from '../support/redis-subjects.js';

let server: RedisServer;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());

// Most of a test is waiting for real expiries, so tests run beside one another.
for (const [name, connect] of Object.entries(SERVER_CLIENTS)) {
  storeContract({ describe, it: it.concurrent }, `RedisLockStore on ${name}`, () =>
    Promise.resolve(redisSubject(connect(server.url))),
  );
}
