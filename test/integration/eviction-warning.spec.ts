/** If a server may evict locks, one warning says so at the first connection. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());

async function warningsUnder(maxmemory: string, policy: string): Promise<string[]> {
  const client = server.client();
  await client.config('SET', 'maxmemory', maxmemory, 'maxmemory-policy', policy);
  const locks = locksOn(server);
  // The store's query for the policy goes over the same connection before this acquisition, so its reply comes first.
  await (await locks.service.acquire('k')).release();
  await locks.close();
  client.disconnect();
  return locks.warnings;
}

describe('the warning of eviction', () => {
  it.each(['allkeys-lru', 'volatile-ttl', 'volatile-random'])(
    'given maxmemory-policy %s and a memory limit, then one warning names the policy',
    async (policy) => {
      const warnings = await warningsUnder('100mb', policy);
      expect(warnings).toEqual([expect.stringContaining(`maxmemory-policy ${policy}`)]);
    },
  );

  it.each([
    ['100mb', 'noeviction'],
    ['0', 'allkeys-lru'],
  ])('given maxmemory %s with policy %s, then there is no warning', async (maxmemory, policy) => {
    expect(await warningsUnder(maxmemory, policy)).toEqual([]);
  });
});
