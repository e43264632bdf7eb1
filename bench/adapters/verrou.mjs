// @verrou/core: polls every 250 ms.
import { connect, versionOf } from './clients.mjs';

export default [
  {
    name: '@verrou/core',
    version: versionOf('@verrou/core'),
    base: 'raw',
    async create({ port, ttl }) {
      const { LockFactory } = await import('@verrou/core');
      const { redisStore } = await import('@verrou/core/drivers/redis');
      const client = await connect(port);
      const factory = new LockFactory(redisStore({ connection: client }).factory());
      return {
        async acquire(key) {
          const lock = factory.createLock(`verrou:${key}`, ttl);
          await lock.acquire();
          return () => lock.release();
        },
        close: () => client.quit(),
      };
    },
  },
];
