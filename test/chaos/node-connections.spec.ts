/** A connection to a Cluster's node is interrupted while a release is under way: the lock does not count as lost. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Cluster } from 'ioredis';
import { slotOf } from '../../lib/stores/redis/naming/cluster-slots.js';
import { type ClusterLocks, clusterLocksOn } from '../support/cluster-locks.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type RedisCluster, type RedisServer, startRedisCluster } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';

/** Releases per test. The keys are spread over all nodes. */
const RELEASES = 12;

interface Node {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
}

let cluster: RedisCluster;
/** Straight at the nodes. */
let client: Cluster;
let nodes: Node[];
let locks: ClusterLocks;

beforeAll(async () => {
  cluster = await startRedisCluster();
  client = cluster.client();
  await client.set('warm', '1');
  nodes = await Promise.all(
    cluster.nodes.map(async (server) => ({ server, proxy: await startProxy(server) })),
  );
}, 60_000);
afterAll(async () => {
  await Promise.all(nodes.map(({ proxy }) => proxy.stop()));
  await cluster.stop();
}, 60_000);

/** The client knows each node by its proxy. */
function locksOf(ioredis: 5 | 6, maxRedirections?: number): ClusterLocks {
  const startupNodes = nodes.map(({ proxy: { port } }) => ({ host: '127.0.0.1', port }));
  const natMap = Object.fromEntries(
    nodes.map(({ server, proxy }) => [`127.0.0.1:${server.port}`, { host: '127.0.0.1', port: proxy.port }]),
  );
  return clusterLocksOn(
    { startupNodes },
    { ioredis, cluster: { natMap, maxRedirections }, commandTimeout: 10_000 },
  );
}

/** The node with the key's slot. */
function nodeOf(key: string): Node {
  const port = Number(client.slots[slotOf(`lock:${key}`)][0].split(':').at(-1));
  return nodes.find(({ server }) => server.port === port)!;
}

const keys = Array.from({ length: RELEASES }, (_, i) => `key-${i}`);

interface Count {
  /** Releases that returned true. */
  released: number;
  /** Commands that carried the token of a release. */
  sent: number;
}

/**
 * Acquires and releases each key. The command of the release runs, its reply is lost by `lose`, and ioredis sends the command
 * again, which finds nothing to release.
 */
async function releasedWith(
  stopReplies: (node: Node) => void,
  lose: (node: Node) => Promise<void>,
): Promise<Count> {
  const count = { released: 0, sent: 0 };
  for (const key of keys) {
    const node = nodeOf(key);
    const lock = await locks.service.acquire(key, { ttl: '60s' });
    const unwatch = node.proxy.watch((chunk, direction) => {
      if (direction === 'request' && chunk.includes(lock.token)) count.sent += 1;
    });
    stopReplies(node);
    const released = lock.release();
    await eventuallyTrue(async () => (await client.exists(`lock:${key}`)) === 0);
    await lose(node);
    node.proxy.release();
    if (await released) count.released += 1;
    unwatch();
  }
  return count;
}

const interrupted: Count = { released: RELEASES, sent: 2 * RELEASES };

describe.each([6, 5] as const)('ioredis %i', (ioredis) => {
  beforeEach(async () => {
    locks = locksOf(ioredis);
    for (const key of keys) await (await locks.service.acquire(key)).release();
  });
  afterEach(() => locks.close());

  it('given a held reply and a cut connection, then release() returns true', async () => {
    const count = await releasedWith(
      ({ proxy }) => proxy.holdReplies(),
      async ({ proxy }) => {
        await eventually(() => expect(proxy.held).toBeGreaterThan(0));
        proxy.cut();
      },
    );
    expect(count).toEqual(interrupted);
  }, 60_000);

  it('given a dropped reply and a connection that the server closes, then release() returns true', async () => {
    const count = await releasedWith(
      ({ proxy }) => proxy.dropReplies(),
      async ({ server, proxy }) => {
        // The server closes each connection but the test's own. The test's Cluster client opens one again.
        const own = server.client();
        await own.call('CLIENT', 'KILL', 'TYPE', 'normal');
        await eventually(() => expect(proxy.connections).toBe(0));
        own.disconnect();
      },
    );
    expect(count).toEqual(interrupted);
  }, 60_000);

  it('given a slot that ioredis seeks at other nodes in vain, then the lock is acquired and released', async () => {
    // ioredis follows no MOVED. A longer chain of wrong nodes ends in the same error.
    const others = locksOf(ioredis, 0);
    try {
      await (await others.service.acquire(keys[0])).release();
      const misled = others.client as unknown as { slots: string[][] };
      const wrong = nodes.find((node) => node !== nodeOf(keys[0]))!;
      const mislead = () => (misled.slots[slotOf(`lock:${keys[0]}`)] = [`127.0.0.1:${wrong.proxy.port}`]);
      mislead();
      const lock = await others.service.acquire(keys[0]);
      mislead();
      expect(await lock.release()).toBe(true);
      expect(await client.exists(`lock:${keys[0]}`)).toBe(0);
      expect(others.warnings).toEqual([]);
    } finally {
      await others.close();
    }
  });

  it('given a node that is found at the last redirection and knows no script, then the lock is acquired', async () => {
    // Without a natMap, ioredis finds the node by its first redirection.
    const startupNodes = nodes.map(({ server: { port } }) => ({ host: '127.0.0.1', port }));
    const others = clusterLocksOn({ startupNodes }, { ioredis, cluster: { maxRedirections: 1 } });
    try {
      await (await others.service.acquire(keys[0])).release();
      const { server } = nodeOf(keys[0]);
      const direct = server.client();
      await direct.script('FLUSH');
      direct.disconnect();
      const wrong = nodes.find((node) => node !== nodeOf(keys[0]))!;
      const misled = others.client as unknown as { slots: string[][] };
      misled.slots[slotOf(`lock:${keys[0]}`)] = [`127.0.0.1:${wrong.server.port}`];
      // A caller without time has one attempt.
      const lock = await others.service.acquire(keys[0], { wait: 0 });
      expect(await lock.release()).toBe(true);
      expect(others.warnings).toEqual([]);
    } finally {
      await others.close();
    }
  });

  it('given no interruption, then release() of a lock that was lost returns false', async () => {
    let lost = 0;
    for (const key of keys) {
      const lock = await locks.service.acquire(key, { ttl: '60s' });
      await client.del(`lock:${key}`);
      if (!(await lock.release())) lost += 1;
    }
    expect(lost).toBe(RELEASES);
  });
});
