// The service of a Nest application, as built: on a client that it is given, and on one that the module opens. Shared locks
// and semaphores are on a client that it is given. An older build must run too, so only the public API is used.
import { readFileSync } from 'node:fs';
import { connect } from './clients.mjs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/**
 * @param redisFor what the module gets as `redis`, and how to end it
 * @param optionsOf the options of an acquire request in a scenario
 */
const ours = (name, base, note, redisFor, kind = 'exclusive', optionsOf = () => undefined) => ({
  name,
  variant: kind === 'exclusive' && name !== 'nestjs-locked',
  kind,
  version,
  base,
  note,
  build: 'this',
  async create({ port, ttl, patience, limit, entry }) {
    // A run without it needs no build.
    await import('reflect-metadata');
    const { NestFactory } = await import('@nestjs/core');
    const { LockModule, LockService } = await import(entry);
    const { redis, end } = await redisFor(port);
    const defaults = { ttl, wait: patience };
    const app = await NestFactory.createApplicationContext(LockModule.forRoot({ redis, defaults }), {
      logger: ['error', 'warn'],
    });
    const locks = app.get(LockService);
    const options = optionsOf({ limit });
    return {
      async acquire(key) {
        const lock = await locks.acquire(key, options);
        return () => lock.release();
      },
      async close() {
        await app.close();
        await end();
      },
    };
  },
});

const given = (options) => async (port) => {
  const redis = await connect(port, options);
  return { redis, end: () => redis.quit() };
};
const opened = async (port) => ({ redis: `redis://127.0.0.1:${port}`, end: async () => undefined });

export default [
  ours('nestjs-locked', 'raw', "on the application's client", given({})),
  ours(
    'nestjs-locked, auto-pipelining',
    'raw, auto-pipelining',
    "on the application's client with enableAutoPipelining",
    given({ enableAutoPipelining: true }),
  ),
  ours('nestjs-locked, own client', 'raw, one write a tick', 'on a client that the module opens', opened),
  ours('nestjs-locked, shared', 'nestjs-locked', "mode: 'shared'", given({}), 'shared', () => ({
    mode: 'shared',
  })),
  ours(
    'nestjs-locked, semaphore',
    'redis-semaphore, Semaphore',
    "limit: the scenario's",
    given({}),
    'semaphore',
    ({ limit }) => ({ limit }),
  ),
];
