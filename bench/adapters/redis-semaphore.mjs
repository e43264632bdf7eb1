// redis-semaphore: Mutex and Semaphore, which poll every 10 ms.
import { connect, versionOf } from './clients.mjs';

/** @param open makes one of its locks, of its classes */
const redisSemaphore = (name, base, kind, open) => ({
  name,
  version: versionOf('redis-semaphore'),
  base,
  kind,
  async create({ port, ttl, patience, limit }) {
    const classes = await import('redis-semaphore');
    const client = await connect(port);
    const options = { lockTimeout: ttl, acquireTimeout: patience };
    return {
      async acquire(key) {
        const lock = open(classes, { client, key, limit, options });
        await lock.acquire();
        return () => lock.release();
      },
      close: () => client.quit(),
    };
  },
});

export default [
  redisSemaphore(
    'redis-semaphore',
    'raw',
    'exclusive',
    ({ Mutex }, { client, key, options }) => new Mutex(client, key, options),
  ),
  redisSemaphore(
    'redis-semaphore, Semaphore',
    'redis-semaphore, Semaphore',
    'semaphore',
    ({ Semaphore }, { client, key, limit, options }) => new Semaphore(client, key, limit, options),
  ),
];
