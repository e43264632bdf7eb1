/** The rights that docs/redis.md and docs/operations.md give to users that inspect locks suffice, and are all needed. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterLocksOn } from '../support/cluster-locks.js';
import { eventually } from '../support/eventually.js';
import { type LocksOptions, locksOn } from '../support/locks.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';
import type { LockService } from '../../lib/index.js';

interface Inspected {
  readonly service: LockService;
  close(): Promise<void>;
}

const PASSWORD = 'a-long-secret';
const redisPage = readFileSync('docs/redis.md', 'utf8');
const [, usual = ''] = /ACL SETUSER locks on \S+ (.*)/.exec(redisPage) ?? [];
const clusterRights = [
  ...redisPage.matchAll(/In a Cluster, `(\+spublish[^`]*)`[\s\S]*?itself needs\s+`([^`]*)`/g),
]
  .flatMap(([, sharded, ioredis]) => [sharded, ioredis])
  .join(' ');

/** The rights of a row of the table in docs/operations.md. */
function rightsFor(method: string, cluster: boolean): string {
  const [, table] = readFileSync('docs/operations.md', 'utf8').split('## Rights');
  const row = table?.split('\n').find((each) => each.startsWith(`| ${method}`)) ?? '';
  const cells = row.replaceAll('\\|', '¦').split('|');
  const [rights] = /\+[\w+¦ ]+/.exec(cells[cluster ? 3 : 2] ?? '') ?? [''];
  return rights.replaceAll('¦', '|').trim();
}

const opened: Inspected[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});
function open<T extends Inspected>(locks: T): T {
  opened.push(locks);
  return locks;
}

async function listed(service: LockService): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of service.list()) keys.push(key);
  return keys;
}

/** Inspects a lock of another process, and releases it by force. */
async function inspectAndRelease(holder: LockService, other: LockService): Promise<void> {
  const lock = await holder.acquire('k');
  const id = await eventually(async () => {
    const [seen] = (await other.inspect('k', { patience: '2s' }))?.holders ?? [];
    expect(seen.answered).toBe(true);
    return seen.id;
  });
  expect((await other.overview()).processes).toHaveLength(2);
  expect(await other.forceRelease('k', { holder: id, by: 'jane' })).toEqual({ released: 1, told: 1 });
  await eventually(() => expect(lock.held).toBe(false));
}

describe('the rights on one Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  }, 60_000);
  afterAll(() => server.stop());

  const user = async (username: string, more = ''): Promise<LocksOptions> => {
    const admin = server.client();
    await admin.call(
      'ACL',
      'SETUSER',
      username,
      'on',
      `>${PASSWORD}`,
      ...`${usual} ${more}`.trim().split(' '),
    );
    return { redis: { username, password: PASSWORD }, inspection: 'always' };
  };

  it('given the usual rights, then inspect, overview and forceRelease need no others', async () => {
    expect(rightsFor('`inspect`', false)).toBe('');
    const options = await user('usual');
    const [a, b] = [options, options].map((each) => open(locksOn(server, each)));
    await inspectAndRelease(a.service, b.service);
    expect(await server.client().call('ACL', 'LOG')).toEqual([]);
  });

  it('given the usual rights, then list fails and names the right that the page gives', async () => {
    const right = rightsFor('`list`', false);
    const refused = open(locksOn(server, await user('unlisted')));
    await expect(listed(refused.service)).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringContaining(`"${right}"`) as unknown,
    });
    const { service } = open(locksOn(server, await user('listing', right)));
    const lock = await service.acquire('k');
    expect(await listed(service)).toEqual(['k']);
    await lock.release();
  });
});

describe('the rights in a Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster.stop());

  async function locksOf(username: string, more: string) {
    const rights = `${usual.replace(/ \+(publish|subscribe)\b/g, '')} ${clusterRights} ${more}`
      .trim()
      .split(' ');
    for (const node of cluster.nodes) {
      const admin = node.client();
      await admin.call('ACL', 'SETUSER', username, 'on', `>${PASSWORD}`, ...rights);
      admin.disconnect();
    }
    return open(
      clusterLocksOn(cluster, {
        inspection: 'always',
        cluster: { redisOptions: { username, password: PASSWORD } },
      }),
    );
  }

  it('given the rights to answer and to inspect, then inspect, overview and forceRelease work', async () => {
    const holder = await locksOf('answers', rightsFor('to answer', true));
    const other = await locksOf('inspects', rightsFor('`inspect`', true));
    await inspectAndRelease(holder.service, other.service);
  });

  it('given only the rights to take locks, then overview names the channel, and inspect reads the key', async () => {
    const holder = await locksOf('holds', '');
    const other = await locksOf('inspects-in-vain', '');
    const lock = await holder.service.acquire('k');
    expect((await other.service.inspect('k'))?.holders).toMatchObject([{ answered: false }]);
    await expect(other.service.overview()).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringContaining('"lock:~nl:i"') as unknown,
    });
    await lock.release();
  });

  it('given the right to list, then list finds the keys of all masters', async () => {
    const { service } = await locksOf('lists', rightsFor('`list`', true));
    const locks = await Promise.all(['a', 'b', 'c', 'd'].map((key) => service.acquire(key)));
    expect((await listed(service)).sort()).toEqual(['a', 'b', 'c', 'd']);
    await Promise.all(locks.map((lock) => lock.release()));
  });
});
