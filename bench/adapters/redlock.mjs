// redlock 5 (beta) on one server: polls every 200 ± 100 ms.
import { connect, versionOf } from './clients.mjs';

export default [
  {
    name: 'redlock',
    version: versionOf('redlock').replace(/^v/, ''),
    base: 'raw',
    async create({ port, ttl }) {
      const { default: Redlock } = await import('redlock');
      const client = await connect(port);
      const redlock = new Redlock([client], { retryCount: -1 });
      return {
        async acquire(key) {
          const lock = await redlock.acquire([`redlock:${key}`], ttl);
          return () => lock.release();
        },
        close: () => client.quit(),
      };
    },
  },
];
