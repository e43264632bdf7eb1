// redis-semaphore: Mutex, polls every 10 ms.
import { connect, versionOf } from './clients.mjs';

export default [
  {
    name: 'redis-semaphore',
    version: versionOf('redis-semaphore'),
    base: 'raw',
    async create({ port, ttl, patience }) {
      const { Mutex } = await import('redis-semaphore');
      const client = await connect(port);
      return {
        async acquire(key) {
          const mutex = new Mutex(client, key, { lockTimeout: ttl, acquireTimeout: patience });
          await mutex.acquire();
          return () => mutex.release();
        },
        close: () => client.quit(),
      };
    },
  },
];
