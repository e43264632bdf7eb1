// redlock-universal on one server, in its default mode and in the one it calls lean: polls every 100 ms.
import { connect, versionOf } from './clients.mjs';

const inMode = (name, performance) => ({
  name,
  // The lean mode is the faster one: where one row has to do, it is this.
  variant: performance === 'standard',
  version: versionOf('redlock-universal'),
  base: 'raw',
  async create({ port, ttl, patience }) {
    const { IoredisAdapter, createLock } = await import('redlock-universal');
    const client = await connect(port);
    const adapter = new IoredisAdapter(client);
    const retryAttempts = Math.ceil(patience / 100);
    return {
      async acquire(key) {
        const lock = createLock({ adapter, key: `${performance}:${key}`, ttl, retryAttempts, performance });
        const handle = await lock.acquire();
        return () => lock.release(handle);
      },
      close: () => client.quit(),
    };
  },
});

export default [inMode('redlock-universal', 'standard'), inMode('redlock-universal, lean', 'lean')];
