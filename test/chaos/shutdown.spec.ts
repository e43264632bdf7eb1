/** SIGTERM under load: applications over HTTP, each in its own process, and the keys that they leave in Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Lock } from 'nestjs-locked';
import { type Child, startChild } from '../support/child-process.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { queueOf, type QueueView } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { ShutdownHandlers, ShutdownOptions } from '../support/workers/shutdown.worker.js';

const WORKER = new URL('../support/workers/shutdown.worker.ts', import.meta.url);
const WAITERS = 20;
/** The longest time in which a process notices and replies, on a busy machine. */
const SOON = { within: 15_000, every: 10 };

interface Instance {
  readonly child: Child<ShutdownHandlers>;
  get(path: string): Promise<AcquireReply>;
}

/** The HTTP response that a client gets. */
type AcquireReply =
  { readonly status: number; readonly retryAfter: string | null; readonly body: string } | 'cut off';

let redis: RedisServer;
let client: Redis;
let queue: QueueView;
let other: Locks;
let held: Lock | undefined;
let children: Array<Child<ShutdownHandlers>> = [];

beforeAll(async () => {
  redis = await startRedis();
  client = redis.client();
  queue = queueOf(client, 'work:1');
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await client.flushall();
  other = locksOn(redis);
});
afterEach(async () => {
  held = undefined;
  await other.close();
  await Promise.all(children.map((child) => child.kill()));
  children = [];
});

async function start(options: Partial<ShutdownOptions> = {}): Promise<Instance> {
  const child = await startChild<ShutdownHandlers>(WORKER);
  children.push(child);
  const url = await child.call('start', {
    url: redis.url,
    platform: 'Express',
    forceCloseConnections: false,
    hooks: true,
    ttl: '30s',
    ...options,
  });
  return {
    child,
    async get(path) {
      try {
        const response = await fetch(url + path, { headers: { connection: 'close' } });
        const body = await response.text();
        return { status: response.status, retryAfter: response.headers.get('retry-after'), body };
      } catch {
        return 'cut off';
      }
    },
  };
}

const entered = (instance: Instance, n: number): Promise<void> =>
  eventuallyTrue(async () => (await instance.child.call('entered')) === n, SOON);

interface Scene {
  readonly ending: Instance;
  /** The response of the handler that runs. */
  readonly running: Promise<AcquireReply>;
  /**
   * The responses of handlers that wait: for the key of the running handler, and for a key that another process holds.
   */
  readonly waiting: ReadonlyArray<Promise<AcquireReply>>;
  /** The lock of this process on the first key. */
  readonly next: Promise<Lock>;
  /** Whether this process has got that lock. */
  readonly taken: () => boolean;
  /** The token of the process that shuts down. */
  readonly token: string | null;
}

/** One handler of a process runs, others of the process wait, and this process waits too. */
async function scene(options: Partial<ShutdownOptions> = {}): Promise<Scene> {
  const ending = await start(options);
  held = await other.service.acquire('work:2');
  const running = ending.get('/work/1');
  await entered(ending, 1);
  const waiting = Array.from({ length: WAITERS }, (_, i) => ending.get(`/work/${1 + (i % 2)}`));
  await queueOf(client, 'work:2').holds(1);
  let taken = false;
  const next = other.service.acquire('work:1', { wait: '50s' });
  void next.then(() => (taken = true));
  await queue.holds(1);
  return { ending, running, waiting, next, taken: () => taken, token: await queue.holder() };
}

const terminate = ({ child }: Instance, signal: NodeJS.Signals = 'SIGTERM'): boolean =>
  process.kill(child.pid, signal);

/** Resolves when Redis has no key except the fence counter. */
async function nothingLeft(): Promise<void> {
  await eventually(
    async () =>
      expect((await client.keys('*')).filter((key) => !/fence/.test(key) && key !== 'lock:~nl:f')).toEqual(
        [],
      ),
    SOON,
  );
}

const REFUSED = {
  status: 503,
  retryAfter: '1',
  body: expect.stringContaining('"code":"LOCK_SHUTDOWN"'),
};

describe.each(['Express', 'Fastify'])('given SIGTERM to an application on %s', (platform) => {
  it.each([false, true])(
    'then waiters are refused, the handler finishes, and its key goes to the next process by a hand-off (forceCloseConnections: %s)',
    async (forceCloseConnections) => {
      const { ending, running, waiting, next, taken, token } = await scene({
        platform,
        forceCloseConnections,
      });
      terminate(ending);
      await eventuallyTrue(() => ending.child.call('isShuttingDown'), SOON);
      // Callers that waited are refused, and so are callers that come while the server is still open.
      expect(await Promise.all(waiting)).toEqual(Array(WAITERS).fill(REFUSED));
      expect(await ending.get('/work/1')).toEqual(REFUSED);
      expect(await ending.get('/quick/1')).toEqual(REFUSED);
      // The process left the queue at once.
      await queueOf(client, 'work:2').holds(0);
      // With ten more in the queue, this process checks after ten seconds only. Only a hand-off can give it the lock
      // earlier.
      const [ours] = await queue.tokens();
      await queue.crowd(10);
      await ending.child.call('proceed');
      if (forceCloseConnections) expect(await running).toBe('cut off');
      // The handler still runs, under its lock.
      expect([await queue.holder(), taken()]).toEqual([token, false]);
      await ending.child.call('finish');
      await eventuallyTrue(taken);
      expect((await next).token).toBe(ours);
      if (!forceCloseConnections) expect(await running).toMatchObject({ status: 200, body: 'done' });
      expect(await ending.child.exited).toBe('SIGTERM');
      await (await next).release();
      await held?.release();
      await nothingLeft();
    },
    60_000,
  );
});

describe('given an application that shuts down', () => {
  it('then all its locks are released before the connection closes, and none of fifty stays', async () => {
    const ending = await start();
    const running = Array.from({ length: 50 }, (_, i) => ending.get(`/work/${i}`));
    await entered(ending, 50);
    expect(await client.keys('lock:work:*')).toHaveLength(50);
    terminate(ending);
    await ending.child.call('proceed');
    await ending.child.call('finish');
    expect(await Promise.all(running)).toEqual(Array(50).fill(expect.objectContaining({ body: 'done' })));
    expect(await ending.child.exited).toBe('SIGTERM');
    // Leases last thirty seconds, so a key that does not exist any more was released.
    expect(await client.keys('lock:work:*')).toEqual([]);
  }, 60_000);

  it('then further signals change nothing: the handler keeps its lock to its end', async () => {
    const { ending, running, next, taken, token } = await scene();
    terminate(ending);
    await eventuallyTrue(() => ending.child.call('isShuttingDown'), SOON);
    terminate(ending);
    terminate(ending, 'SIGINT');
    await ending.child.call('proceed');
    expect([await queue.holder(), taken()]).toEqual([token, false]);
    await ending.child.call('finish');
    expect(await running).toMatchObject({ status: 200, body: 'done' });
    await ending.child.exited;
    await next;
  }, 60_000);

  it('then the lock of a handler that does not end is released after the grace', async () => {
    const { ending, next, token } = await scene({ forceCloseConnections: true });
    terminate(ending);
    await ending.child.call('proceed');
    expect(await queue.holder()).toBe(token);
    const { key } = await next.then(({ keys: [key] }) => ({ key }));
    expect(key).toBe('work:1');
    expect(await ending.child.exited).toBe('SIGTERM');
  }, 60_000);

  it('given SIGKILL during the shutdown, then the keys that stay expire', async () => {
    const { ending, next, token } = await scene({ ttl: '3s' });
    terminate(ending);
    await eventuallyTrue(() => ending.child.call('isShuttingDown'), SOON);
    expect(await queue.holder()).toBe(token);
    await ending.child.kill();
    await (await next).release();
    await held?.release();
    await nothingLeft();
  }, 60_000);

  it('given no enableShutdownHooks(), then the process ends at once, and its lock stays for the rest of the lease', async () => {
    const { ending, running, waiting, next } = await scene({ hooks: false, ttl: '3s' });
    terminate(ending);
    expect(await ending.child.exited).toBe('SIGTERM');
    expect(new Set(await Promise.all([running, ...waiting]))).toEqual(new Set(['cut off']));
    expect(await queue.left()).toBeLessThanOrEqual(3_000);
    await (await next).release();
    await held?.release();
    await nothingLeft();
  }, 60_000);
});
