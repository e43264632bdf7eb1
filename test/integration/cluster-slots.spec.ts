/** The slots and names of a lock in a Cluster, compared with the slot functions of the server and of ioredis. */
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { slotOf, tagOfSlot } from '../../lib/stores/redis/naming/cluster-slots.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

// The function by which ioredis itself finds the node. It reads on after "{}", which the server does not.
const keySlot = createRequire(createRequire(import.meta.url).resolve('ioredis'))('cluster-key-slot') as (
  key: string,
) => number;

const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('{', '}', 'a', ':', 'ж') }),
);

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis({ config: { 'cluster-enabled': 'yes' } });
  client = server.client();
});
afterAll(() => server.stop());

const serversSlot = async (key: string): Promise<number> => Number(await client.cluster('KEYSLOT', key));

describe('slotOf', () => {
  it('given any name, then it agrees with the server', async () => {
    const agrees = async (key: string): Promise<boolean> => slotOf(key) === (await serversSlot(key));
    await fc.assert(fc.asyncProperty(names, agrees), { numRuns: 1_000 });
  });

  it('given any name without "{}", then it agrees with the slot function of ioredis', () => {
    fc.assert(
      fc.property(names, (key) => key.includes('{}') || slotOf(key) === keySlot(key)),
      { numRuns: 2_000 },
    );
  });
});

describe('the names of a lock in a Cluster', () => {
  it('given any key, then all names lie in one slot', async () => {
    const prefixes = fc.constantFrom('', 'lock:', 'app:');
    await fc.assert(
      fc.asyncProperty(prefixes, prefixes, names, async (clientPrefix, prefix, key) => {
        const { lock, queue, fences } = new KeyNames(prefix, clientPrefix, true).of(`k${key}`);
        expect(lock).toBe(`${prefix}k${key}`);
        const slots = await Promise.all(
          [lock, queue, fences].map((name) => serversSlot(clientPrefix + name)),
        );
        expect(new Set(slots).size).toBe(1);
      }),
      { numRuns: 1_000 },
    );
  });

  it('given any slot, then there is a tag for it', () => {
    for (let slot = 0; slot < 16_384; slot += 1) expect(keySlot(`{${tagOfSlot(slot)}}`)).toBe(slot);
  });
});

describe('the names of a lock on one server', () => {
  it('given a key, then its names are the plain name, and names that no lock can have', () => {
    const names = new KeyNames('lock:', 'app:', false);
    expect(names.of('{a}')).toEqual({ lock: 'lock:{a}', queue: 'lock:~nl:q:{a}', fences: 'lock:~nl:f' });
    expect(names.keyOf('app:lock:{a}')).toBe('{a}');
    expect(names.channelOf('', 'p')).toBe('app:lock:~nl:w:p');
    expect(() => names.of('~nl:f')).toThrow(/reserved/);
  });
});
