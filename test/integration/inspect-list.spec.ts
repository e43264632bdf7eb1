/** `list` among many keys of other applications: complete, in short steps, and ended by its signal. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { LockService } from '../../lib/lock.service.js';
import { clusterLocksOn } from '../support/cluster-locks.js';
import { locksOn } from '../support/locks.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';

const LOCKS = 1_000;
/** The name of a lock of a foreign client, which list() finds as any other lock. */
const names = Array.from({ length: LOCKS }, (_, i) => `order:${i}`);
/** Fills one node with keys of other applications. */
const FILL = `for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'noise:{' .. ARGV[2] .. '}:' .. i, 'x') end`;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listed(service: LockService, signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of service.list('*', { signal })) found.push(key);
  return found.sort();
}

const callsOf = async (client: Redis, command: string): Promise<number> =>
  Number(
    new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(await client.info('commandstats'))?.[1] ?? 0,
  );

describe('100,000 keys of other applications', () => {
  let server: RedisServer;
  let admin: Redis;
  let service: LockService;

  beforeEach(async () => {
    server = await startRedis();
    ends.push(() => server.stop());
    admin = server.client();
    const locks = locksOn(server);
    ends.push(() => locks.close());
    service = locks.service;
    await admin.eval(FILL, 0, 100_000, 'a');
    await admin.mset(Object.fromEntries(names.map((name) => [`lock:${name}`, 'x'])));
  });

  it('given a thousand locks among them, then each is found once, without KEYS and without long steps', async () => {
    expect(await listed(service)).toEqual([...names].sort());
    expect(await callsOf(admin, 'keys')).toBe(0);
    // One step reads some 100 names, whatever the load of the machine.
    expect(await callsOf(admin, 'scan')).toBeGreaterThan(100_000 / 120);
  });

  it('given a signal that aborts on the way, then the search ends within one step', async () => {
    const leaving = new AbortController();
    const found: string[] = [];
    for await (const { key } of service.list('*', { signal: leaving.signal })) {
      found.push(key);
      leaving.abort();
    }
    expect(found).toHaveLength(1);
    const scans = await callsOf(admin, 'scan');
    expect(scans).toBeLessThan(120);
    const pausing = new AbortController();
    const search = listed(service, pausing.signal);
    pausing.abort();
    await search;
    expect(await callsOf(admin, 'scan')).toBeLessThanOrEqual(scans + 1);
  });

  it('given a caller that leaves the loop, then the search ends too', async () => {
    for await (const info of service.list()) {
      expect(info.kind).toBe('foreign');
      break;
    }
    const scans = await callsOf(admin, 'scan');
    await service.using('k', () => undefined);
    expect(await callsOf(admin, 'scan')).toBe(scans);
  });
});

describe('a Cluster of three masters', () => {
  it('given locks on each of them, then each is found once', async () => {
    const cluster = await startRedisCluster();
    ends.push(() => cluster.stop());
    const locks = clusterLocksOn(cluster);
    ends.push(() => locks.close());
    const client = cluster.client();
    await Promise.all(['a', 'b', 'c'].map((tag) => client.eval(FILL, 1, `{${tag}}`, 10_000, tag)));
    await Promise.all(names.map((name) => client.set(`lock:${name}`, 'x')));
    const held = await locks.service.acquire('held', { mode: 'shared' });
    expect(await listed(locks.service)).toEqual(['held', ...names].sort());
    await held.release();
  });
});
