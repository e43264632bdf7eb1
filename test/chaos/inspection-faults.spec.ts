/** The inspection of locks while Redis is away, stands still, or refuses. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { startClusterReplica } from '../support/cluster-replica.js';
import { clusterLocksOn, type ClusterLocks } from '../support/cluster-locks.js';
import { eventually } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function closing<L extends Pick<Locks, 'close'>>(locks: L): L {
  ends.push(() => locks.close());
  return locks;
}

/** Each verb of the inspection. Each of them must settle. */
function verbs({ service }: Pick<Locks, 'service'>): [string, () => Promise<unknown>][] {
  return [
    ['inspect', () => service.inspect('k')],
    ['overview', () => service.overview()],
    ['list', () => service.list()[Symbol.asyncIterator]().next()],
    ['forceRelease', () => service.forceRelease('k', { holder: 'any', by: 'jane' })],
  ];
}

async function expectRefusals(locks: Pick<Locks, 'service'>): Promise<void> {
  const outcomes = await Promise.allSettled(verbs(locks).map(([, verb]) => verb()));
  expect(
    outcomes.map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : 'done')),
  ).toEqual(Array(4).fill('LOCK_STORE'));
}

/** Each of two processes sees both. */
async function seeEachOther(all: readonly Pick<Locks, 'service'>[]): Promise<void> {
  for (const { service } of all) {
    await eventually(
      async () => {
        const { processes, silent } = await service.overview();
        expect(processes.map(({ owner }) => owner).sort()).toEqual(['a', 'b']);
        expect(silent).toBe(0);
      },
      { within: 20_000 },
    );
  }
}

describe('one Redis', () => {
  let server: RedisServer;
  let proxy: TcpProxy;

  async function start(options: LocksOptions = {}): Promise<Locks[]> {
    server = await startRedis();
    ends.push(() => server.stop());
    proxy = await startProxy(server);
    ends.push(() => proxy.stop());
    const all = ['a', 'b'].map((owner) =>
      closing(locksOn(proxy, { owner, inspection: 'always', commandTimeout: 700, ...options })),
    );
    await seeEachOther(all);
    return all;
  }

  it('given a server that went away, then each verb fails, and works again when it is back', async () => {
    const all = await start();
    await server.kill();
    await expectRefusals(all[0]);
    await server.restart();
    await seeEachOther(all);
    await all[0].service.using('k', async () => {
      expect(await all[1].service.inspect('k')).toMatchObject({ holders: [{ owner: 'a', answered: true }] });
    });
  });

  it('given a server that stands still, then each verb fails within its time-out', async () => {
    const all = await start();
    const stuck = verbs(all[0]).map(async ([, verb]) => verb());
    await Promise.allSettled(stuck);
    server.pause();
    await expectRefusals(all[0]);
    server.resume();
    await seeEachOther(all);
  });

  it('given replies that are lost on the way, then no verb hangs', async () => {
    const all = await start();
    proxy.dropReplies();
    await expectRefusals(all[1]);
    proxy.cut();
    proxy.release();
    await seeEachOther(all);
  });

  it('given a connection that is cut during an overview, then the question settles', async () => {
    const all = await start();
    const sent = Promise.allSettled([
      all[0].service.overview({ patience: '300ms' }),
      all[0].service.inspect('k', { patience: '300ms' }),
    ]);
    proxy.cut();
    for (const outcome of await sent) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'LOCK_STORE' });
    }
    await seeEachOther(all);
  });

  it('given a subscriber that is killed again and again, then questions are answered again', async () => {
    const all = await start();
    const admin = server.client();
    for (let i = 0; i < 3; i += 1) {
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await seeEachOther(all);
    }
    // The four connections of two processes, the one of the test, and no other.
    const clients = String(await admin.call('CLIENT', 'LIST'))
      .trim()
      .split('\n');
    expect(clients).toHaveLength(5);
  });

  it('given a service that was closed, then each verb settles, and nothing stays subscribed', async () => {
    const [a, b] = await start();
    await b.close();
    const outcomes = await Promise.allSettled(verbs(b).map(([, verb]) => verb()));
    expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    await eventually(async () => expect((await a.service.overview()).processes).toHaveLength(1));
    expect(await server.client().call('PUBSUB', 'NUMSUB', 'lock:~nl:i')).toEqual(['lock:~nl:i', 1]);
  });
});

describe('a Cluster', () => {
  let cluster: RedisCluster;

  async function start(): Promise<Pick<Locks, 'service'>[]> {
    cluster = await startRedisCluster(3, { config: { 'cluster-node-timeout': '60000' } });
    ends.push(() => cluster.stop());
    const all = ['a', 'b'].map((owner) =>
      closing(clusterLocksOn(cluster, { owner, inspection: 'always', commandTimeout: 1_500 })),
    );
    await seeEachOther(all);
    return all;
  }

  it('given subscribers that are killed, then questions are answered again, by one connection each', async () => {
    const all = await start();
    const admins = cluster.nodes.map((node) => node.client());
    const subscribers = async () => {
      const counts = await Promise.all(
        admins.map(
          async (admin) => ((await admin.call('PUBSUB', 'NUMSUB', 'lock:~nl:i')) as [string, number])[1],
        ),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    };
    for (let i = 0; i < 3; i += 1) {
      await Promise.all(admins.map((admin) => admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')));
      await eventually(async () => expect(await subscribers()).toBe(0));
      // Wanted while the pause before the next attempt lasts.
      await Promise.allSettled(all.map(({ service }) => service.overview()));
      await seeEachOther(all);
    }
    expect(await subscribers()).toBe(2);
  });

  it('given a subscriber on a master that becomes a replica, then its process is counted, and is told', async () => {
    cluster = await startRedisCluster();
    ends.push(() => cluster.stop());
    const [master] = cluster.nodes;
    const replica = await startClusterReplica(cluster, master);
    ends.push(() => replica.server.stop());
    const subscribers = async () =>
      ((await master.client().call('PUBSUB', 'NUMSUB', 'lock:~nl:i')) as [string, number])[1];
    // Each process subscribes to one of the masters. The last one of these has chosen the first master.
    let holder: ClusterLocks;
    do {
      holder = closing(clusterLocksOn(cluster, { inspection: 'always' }));
      await holder.service.overview();
    } while ((await subscribers()) === 0);
    const operator = closing(clusterLocksOn(cluster, { inspection: 'off' }));
    const lock = await holder.service.acquire('k', { ttl: '10m' });
    await replica.node.call('CLUSTER', 'FAILOVER');
    const portsOf = (role: 'master' | 'slave') =>
      operator.client.nodes(role).map(({ options }) => (options as { port?: number }).port);
    // The nodes from before the fail-over are known.
    await operator.service.overview();
    await eventually(
      async () => {
        await Promise.allSettled(['a', 'b', 'c', 'd'].map((key) => operator.service.inspect(key)));
        expect(portsOf('master')).toContain(replica.server.port);
        expect(portsOf('master')).not.toContain(master.port);
      },
      { within: 20_000 },
    );
    // An earlier process may have had to connect again, and may have chosen this node.
    expect(await subscribers()).toBeGreaterThanOrEqual(1);
    const released = await operator.service.forceRelease('k', { holder: 'any', by: 'jane' });
    expect(released).toEqual({ released: 1, told: 1 });
    await eventually(() => expect(lock.signal.aborted).toBe(true));
    // The question leads to a new list of nodes, which has the old master in the end.
    await eventually(
      async () => {
        await operator.service.overview({ patience: 1 });
        expect(portsOf('slave')).toContain(master.port);
      },
      { within: 20_000 },
    );
  });

  it('given a node that stands still, then no verb hangs, and the other nodes are told of', async () => {
    const all = await start();
    const client = cluster.client();
    await client.ping();
    const slot = Number(await client.cluster('KEYSLOT', 'lock:k'));
    const [still] = cluster.nodes.filter((_, i) => i !== Math.floor((slot * 3) / 16_384));
    // TIME goes to any node, so the clock of the server is read before.
    await (await all[0].service.acquire('k')).release();
    still.pause();
    ends.push(() => still.resume());
    const outcomes = await Promise.allSettled(verbs(all[1]).map(([, verb]) => verb()));
    expect(outcomes).toHaveLength(4);
    const lock = await all[0].service.acquire('k', { ttl: '60s' });
    // The node of the key works, so what the key tells is there, whichever node gets the question.
    for (let i = 0; i < 3; i += 1) {
      expect(await all[1].service.inspect('k')).toMatchObject({ holders: [{ owner: 'a' }] });
    }
    still.resume();
    await seeEachOther(all);
    await lock.release();
  });

  it('given a user without the right to subscribe, then it does not connect again and again', async () => {
    cluster = await startRedisCluster();
    ends.push(() => cluster.stop());
    const admins = cluster.nodes.map((node) => node.client());
    for (const admin of admins) {
      await admin.call('ACL', 'SETUSER', 'limited', 'on', '>pw', '~*', '&*', '+@all', '-subscribe');
      await admin.call('CONFIG', 'SET', 'acllog-max-len', '1000');
    }
    const cluster6 = { redisOptions: { username: 'limited', password: 'pw' } };
    const limited = closing(clusterLocksOn(cluster, { cluster: cluster6 }));
    for (let i = 0; i < 2; i += 1) {
      await expect(limited.service.overview()).rejects.toMatchObject({
        message: expect.stringMatching(
          /NOPERM.*In a Cluster.*the inspection of locks needs PUBLISH, SUBSCRIBE and PUBSUB\|NUMSUB/s,
        ) as unknown,
      });
    }
    const refusals = async () => {
      const logs = await Promise.all(admins.map((admin) => admin.call('ACL', 'LOG', '100')));
      const counts = (logs as (string | number)[][][]).flat().map((entry) => Number(entry[1]));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const before = await refusals();
    // More than two of the pauses after which a lost connection is opened again.
    await pause(1_200);
    expect(await refusals()).toBe(before);
    await limited.service.using('k', () => limited.service.inspect('k'));
    await expect(limited.service.overview()).rejects.toThrow(/NOPERM/);
    // Each overview tries to subscribe to both channels, once.
    expect(await refusals()).toBeLessThanOrEqual(before + 2);
  });
});
