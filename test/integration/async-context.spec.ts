/** The async context in which the library's commands, connections and timers run, and that no context is kept. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { LockService } from '../../lib/lock.service.js';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { ACQUIRE, EXCHANGE, HANDOFF, RELEASE, RENEW } from '../../lib/stores/redis/scripts/scripts.js';
import { clusterLocksOn } from '../support/cluster-locks.js';
import { eventually } from '../support/eventually.js';
import { Remains } from '../support/garbage.js';
import { type Locks, locksOn, locksWith } from '../support/locks.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';

/** The context that a tracing library makes for each request. */
interface Trace {
  readonly name: string;
}
const traces = new AsyncLocalStorage<Trace>();

interface Recorded {
  readonly what: string;
  /** The trace in which the command would appear. */
  readonly in: string | undefined;
}

const SCRIPTS = new Map([
  [RENEW.source, 'renew'],
  ...[ACQUIRE, EXCHANGE, HANDOFF, RELEASE].map(({ sha }): [string, string] => [sha, 'exchange']),
]);

/** Records the commands of a client and of its duplicates. */
function recorded<Client extends RedisLike>(client: Client, record: Recorded[]): Client {
  const note = (what: string): void => void record.push({ what, in: traces.getStore()?.name });
  const { call, connect, subscribe, duplicate } = client;
  client.call = (command: string, ...args: string[]) => {
    const script = SCRIPTS.get(args[0] ?? '');
    note(script ?? command.toLowerCase());
    return call.call(client, command, ...args);
  };
  client.connect = () => {
    note('connect');
    return connect.call(client);
  };
  client.subscribe = (channel: string) => {
    note('subscribe');
    return subscribe.call(client, channel);
  };
  client.duplicate = (...args: unknown[]) => {
    note('duplicate');
    return recorded(duplicate.apply(client, args) as RedisLike, record);
  };
  return client;
}

const inTrace = <T>(name: string, work: () => T): T => traces.run({ name }, work);

let server: RedisServer;
let record: Recorded[];
let mine: Locks;
let other: Locks;

const of = (what: string): Recorded[] => record.filter((each) => each.what === what);

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  record = [];
  const client = new Redis(server.url, { maxRetriesPerRequest: null, lazyConnect: true });
  mine = locksWith(recorded(client, record), {});
  other = locksOn(server);
});
afterEach(async () => {
  await mine.close();
  await other.close();
});

describe('a caller in a trace', () => {
  it("given one acquisition and its release, then both commands are in the caller's trace, and nothing else is", async () => {
    await inTrace('mine', () => mine.service.using('k', () => undefined));
    expect(of('exchange')).toEqual([
      { what: 'exchange', in: 'mine' },
      { what: 'exchange', in: 'mine' },
    ]);
    // Later callers share the connection that the first command opened, and the reading of the server's clock.
    expect(of('connect')).toEqual([{ what: 'connect', in: undefined }]);
    expect(of('time')).toEqual([{ what: 'time', in: undefined }]);
  });

  it("given a lock that is renewed, then renewals are in no trace, and the caller's extend() is in its own", async () => {
    await inTrace('mine', async () => {
      const lock = await mine.service.acquire('k', { ttl: 150 });
      await eventually(() => expect(of('renew').length).toBeGreaterThan(1));
      const renewals = of('renew');
      await lock.extend('5s');
      expect(of('renew').slice(renewals.length)).toEqual([{ what: 'renew', in: 'mine' }]);
      expect(new Set(renewals.map((each) => each.in))).toEqual(new Set([undefined]));
      await lock.release();
    });
  });

  it('given a wait for another process, then the connection, its pings and the confirmation are in no trace', async () => {
    const held = await other.service.acquire('k');
    const waiting = inTrace('mine', () => mine.service.acquire('k', { wait: '30s' }));
    await eventually(() => expect(of('ping').length).toBeGreaterThan(0), { within: 8_000 });
    await held.release();
    const lock = await waiting;
    for (const what of ['duplicate', 'subscribe', 'ping', 'renew']) {
      expect(of(what).length).toBeGreaterThan(0);
      expect(of(what).filter((each) => each.in !== undefined)).toEqual([]);
    }
    const before = of('exchange').length;
    await inTrace('mine', () => lock.release());
    expect(of('exchange').slice(before)).toEqual([{ what: 'exchange', in: 'mine' }]);
  }, 60_000);

  it('given callers of one process one after the other, then no renewal between them is in a trace', async () => {
    const options = { ttl: 120, wait: '5s' } as const;
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        inTrace(`caller ${i}`, () =>
          mine.service.using('k', options, () => new Promise((resolve) => setTimeout(resolve, 45))),
        ),
      ),
    );
    expect(of('renew').length).toBeGreaterThan(0);
    expect(of('renew').filter((each) => each.in !== undefined)).toEqual([]);
  });
});

let runs = 0;

/** Makes each kind of caller the first of its kind, in a context of its own. Shared timers and connections stay in use. */
async function firstCallers(locks: LockService, busy: string): Promise<Remains> {
  const remains = new Remains();
  const run = (work: () => Promise<unknown>): Promise<unknown> => {
    const trace = { name: 'x'.repeat(1_000) };
    remains.add(trace);
    return traces.run(trace, work);
  };
  await run(() => locks.using('a', () => undefined));
  await run(() => locks.acquire(busy, { wait: 150 }).catch(() => undefined));
  await run(() => locks.using(['a', 'b'], { wait: '20s' }, () => undefined));
  const { signal } = new AbortController();
  await run(() => locks.acquire(busy, { wait: 50, signal, mode: 'shared' }).catch(() => undefined));
  await run(async () => {
    const lock = await locks.acquire(`kept free of ${(runs += 1)}`, { minHold: 60_000 });
    await lock.release();
  });
  return remains;
}

describe('the context of a caller that has ended', () => {
  it('given shared timers and connections that the caller set up on one Redis, then its context is collected', async () => {
    const held = await other.service.acquire('busy');
    // A lease and a waiter of another caller keep the shared timers set.
    const kept = await mine.service.acquire('kept');
    const waiting = mine.service.acquire('busy', { wait: '30s' });
    const remains = await firstCallers(mine.service, 'busy');
    const left = await inTrace('last', () => mine.service.using('c', () => undefined)).then(() =>
      remains.count(),
    );
    expect(left).toBe(0);
    await held.release();
    await (await waiting).release();
    await kept.release();
  });

  it('given the first caller that ever waited, then its context is collected while others wait', async () => {
    const held = await other.service.acquire('busy');
    const remains = await firstCallers(mine.service, 'busy');
    const waiting = mine.service.acquire('busy', { wait: '30s' });
    // The channel of the hand-offs, and the two channels of the inspection.
    await eventually(() => expect(of('subscribe')).toHaveLength(3));
    expect(await remains.count()).toBe(0);
    await held.release();
    await (await waiting).release();
  });

  it("given the store in memory, then the caller's context is collected", async () => {
    const store = memoryStore();
    const service = (): LockService =>
      new LockService(
        new LockEngine({ store, owner: 't', maxWaiters: Infinity, longHold: 60_000, emit: () => undefined }),
        resolvePolicy(),
      );
    const [locks, others] = [service(), service()];
    const held = await others.acquire('busy');
    const remains = await firstCallers(locks, 'busy');
    const waiting = locks.acquire('busy', { wait: '30s' });
    await locks.acquire('kept');
    expect(await remains.count()).toBe(0);
    await held.release();
    await (await waiting).release();
  });
});

describe('the context of a caller on a Cluster', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster?.stop());

  it.each([5, 6] as const)(
    'given a caller that was first on each connection (ioredis %d), then its context is collected',
    async (ioredis) => {
      const [locks, holder] = [clusterLocksOn(cluster, { ioredis }), clusterLocksOn(cluster)];
      try {
        await locks.service.using('warm', () => undefined);
        const busy = ['busy', 'busy 2', 'busy 3', 'busy 4'];
        const held = await Promise.all(busy.map((key) => holder.service.acquire(key)));
        const remains: Remains[] = [];
        for (const key of busy) remains.push(await firstCallers(locks.service, key));
        const waiting = busy.map((key) => locks.service.acquire(key, { wait: '30s' }));
        let left = 0;
        for (const each of remains) left += await each.count();
        expect(left).toBe(0);
        await Promise.all(held.map((lock) => lock.release()));
        for (const each of waiting) await (await each).release();
      } finally {
        await locks.close();
        await holder.close();
      }
    },
    30_000,
  );
});
