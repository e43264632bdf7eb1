import { describe, it, expect } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisLockStore } from '../lib/stores/redis/redis.store.js';
import { memoryStore } from '../lib/stores/memory/memory.store.js';
import { Locker } from '../lib/core/locker.js';
import { LockService } from '../lib/lock.service.js';
import { resolvePolicy } from '../lib/core/resolve-options.js';
import { startRedis } from './support/redis-server.js';

function svc(store: any) {
  const locker = new Locker({ store, owner: 'me', maxWaiters: Infinity, longHold: 60000, emit: (e) => console.log(e.name, e.key, e.error) });
  return { locker, service: new LockService(locker, resolvePolicy(undefined)) };
}
describe('scratch', () => {
  it('hot', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    const mk = () => new RedisLockStore({ client: new Redis(server.url), prefix: 'lock:', commandTimeout: 2000, owned: true, warn: console.log });
    const s1 = mk(), s2 = mk(), s3 = memoryStore();
    for (const [name, stores] of [['memory', [s3]], ['redis1', [s1]], ['redis2', [s1, s2]]] as const) {
      const services = stores.map(svc);
      let inside = 0, overlaps = 0, n = 0, lastFence = 0, fenceErr = 0; const counts = services.map(() => 0);
      const end = performance.now() + 1500;
      let maxWait = 0;
      await Promise.all(services.flatMap(({ service }, si) => Array.from({ length: 64 }, async () => {
        while (performance.now() < end) {
          const t0 = performance.now();
          const lock = await service.acquire('hot');
          maxWait = Math.max(maxWait, performance.now() - t0);
          if (++inside > 1) overlaps++;
          if (lock.fence <= lastFence) fenceErr++;
          lastFence = lock.fence; n++; counts[si]!++;
          inside--;
          await lock.release();
        }
      })));
      console.log(name, n / 1.5, 'per s', { overlaps, fenceErr, counts, maxWait });
      for (const s of services) await s.locker.close();
    }
    await s1.close(); await s2.close();
    console.log(await client.keys('*'));
    client.disconnect();
    await server.stop();
  }, 20000);
});
