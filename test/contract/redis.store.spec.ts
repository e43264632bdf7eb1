import { setTimeout as elapse } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { RedisLockStore } from '../../lib/stores/redis/redis.store.js';
import { storeContract } from '../../lib/testing/store-contract.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());

const CLIENTS: Record<string, () => RedisLike> = {
  'ioredis 6': () => new Redis6(server.url),
  'ioredis 5': () => new Redis5(server.url),
  'ioredis 6 with a keyPrefix and auto-pipelining': () =>
    new Redis6(server.url, { keyPrefix: 'app:', enableAutoPipelining: true }),
  'ioredis 5 with string numbers': () => new Redis5(server.url, { stringNumbers: true }),
};

for (const [name, connect] of Object.entries(CLIENTS)) {
  storeContract({ describe, it }, `RedisLockStore on ${name}`, async () => {
    const client = connect();
    await client.call('FLUSHALL');
    const store = new RedisLockStore({
      client,
      prefix: 'lock:',
      commandTimeout: 2_000,
      owned: true,
      warn: (message) => {
        throw new Error(message);
      },
    });
    const occupy = async (key: string, ms: number): Promise<void> => {
      await client.call('SET', `lock:${key}`, '1', 'PX', ms, 'NX');
    };
    return { store, elapse, occupy };
  });
}
