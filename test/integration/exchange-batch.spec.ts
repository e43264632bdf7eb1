/** The exchanges of one tick leave in one command, and each has the effect that it would have alone. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { LockStoreSession } from '../../lib/core/contracts/store.contract.js';
import type { ReceivingSession } from '../../lib/core/runtime/session-commands.js';
import { ACQUIRE, BATCH, MOST_EXCHANGES, RELEASE } from '../../lib/stores/redis/scripts/scripts.js';
import { eventually } from '../support/eventually.js';
import { FENCE_COUNTER, increasing, microsecondsOf } from '../support/fence-clock.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { connected } from '../support/waits.js';

const KEYS = Array.from({ length: 2 * MOST_EXCHANGES + 1 }, (_, i) => `k${i}`);

const noListener = { onGrant: () => undefined, onReconnected: () => undefined, onRecovered: () => undefined };

let server: RedisServer;
let client: Redis;
let locks: Locks;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  locks = locksOn(server);
  // Connected, and the server's clock known.
  await (await locks.service.acquire('warm')).release();
});
afterEach(() => {
  server.resume(); // a test that failed may have left it paused
  return locks.close();
});

/** The hashes of the scripts that the server runs during `work`. */
async function scriptsOf(work: () => Promise<unknown>): Promise<string[]> {
  const monitor = await client.monitor();
  const seen: string[] = [];
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  monitor.on('monitor', (_time: string, [command = '', argument = '']: string[], source: string) => {
    if (argument === 'the end') end();
    if (/^evalsha$/i.test(command) && source !== 'lua') seen.push(argument);
  });
  await work();
  await client.call('ECHO', 'the end');
  await ended;
  monitor.disconnect();
  return seen;
}

/** The code of the error that ended a try. */
function codeOf(each: PromiseSettledResult<unknown>): unknown {
  return each.status === 'rejected' && (each.reason as { code: string }).code;
}

describe('the exchanges of one tick', () => {
  it('given an idle connection, then the first exchange leaves alone at once, and the others share a command', async () => {
    const seen = await scriptsOf(async () => {
      const held = await Promise.all(KEYS.map((key) => locks.service.acquire(key)));
      await Promise.all(held.map((lock) => lock.release()));
    });
    const [acquire, release, batch] = [ACQUIRE, RELEASE, BATCH].map(({ sha }) => sha);
    expect(seen).toEqual([acquire, batch, batch, release, batch, batch]);
  });

  it('given as many exchanges as fill a command, then they leave at once', async () => {
    const own = locksOn(server);
    await (await own.service.acquire('warm')).release();
    const seen = await scriptsOf(async () => {
      const full = KEYS.slice(0, 1 + MOST_EXCHANGES).map((key) => own.service.acquire(key));
      // Written behind what has left, and before what waits for the end of this tick.
      const mark = own.client.evalsha(RELEASE.sha, 4, 'a', 'b', 'c', 'd', 'nobody');
      const rest = KEYS.slice(1 + MOST_EXCHANGES).map((key) => own.service.acquire(key));
      await mark;
      const held = await Promise.all([...full, ...rest]);
      await Promise.all(held.map((lock) => lock.release()));
    });
    const [acquire, release, batch] = [ACQUIRE, RELEASE, BATCH].map(({ sha }) => sha);
    expect(seen.slice(0, 4)).toEqual([acquire, batch, release, batch]);
    await own.close();
  });

  it('given a connection that is down, then no call of the tick fails while another one is sent', async () => {
    const own = locksOn(server);
    const session = own.store.open('a-session', noListener) as LockStoreSession & ReceivingSession;
    const requestOf = (key: string) => ({ key, release: { token: `nl1:a-session:${key}` } });
    await session.exchange(requestOf('warm'));
    server.pause();
    // This command waits for its reply, so the next ones are gathered.
    const unanswered = session.exchange(requestOf('unanswered'));
    own.client.stream.destroy();
    await once(own.client, 'close');
    let sending = '';
    const failures = KEYS.map(
      (key) =>
        new Promise<string>((resolve, reject) => {
          sending = key;
          const onFailure = (error: Error): void => resolve(`${error.name}${sending}`);
          session.exchangeFor(requestOf(key), { onReply: reject, onFailure });
          sending = '';
        }),
    );
    const failed = await Promise.all(failures);
    server.resume();
    expect(failed).toEqual(KEYS.map(() => 'LockStoreError'));
    expect(await unanswered).toMatchObject({ released: undefined });
    await own.close();
  });

  it('given granted, busy and broken keys, then each exchange gets its own reply', async () => {
    await client.set('lock:taken', 'somebody', 'PX', 60_000);
    await client.rpush('lock:list', 'no lock');
    const tries = await Promise.allSettled(
      ['a', 'taken', 'list', 'b'].map((key) => locks.service.tryAcquire(key)),
    );
    expect(tries).toEqual([
      { status: 'fulfilled', value: expect.objectContaining({ keys: ['a'] }) },
      { status: 'fulfilled', value: null },
      {
        status: 'rejected',
        reason: expect.objectContaining({ code: 'LOCK_STORE', message: expect.stringMatching(/not a lock/) }),
      },
      { status: 'fulfilled', value: expect.objectContaining({ keys: ['b'] }) },
    ]);
    const [a, , , b] = tries.map((each) => (each.status === 'fulfilled' ? each.value : null));
    expect(b?.fence).toBeGreaterThan(a?.fence ?? Infinity);
    await Promise.all([a?.release(), b?.release()]);
    expect((await client.keys('lock:*')).sort()).toEqual(['lock:list', 'lock:taken', FENCE_COUNTER]);
  });

  it('given a batch, then fences ascend, are not ahead of the clock, and the counter ends at the last one', async () => {
    const shared = KEYS[3];
    for (let round = 0; round < 20; round += 1) {
      const before = Number(await client.get(FENCE_COUNTER));
      const held = await Promise.all(
        // One of the exchanges is not one of the common cases.
        KEYS.map((key) => locks.service.acquire(key, key === shared ? { mode: 'shared' } : {})),
      );
      const after = await microsecondsOf(client);
      const fences = held.map((lock) => lock.fence);
      expect(fences).toEqual(increasing(fences));
      expect(fences[0]).toBeGreaterThan(before);
      expect(fences.at(-1)).toBeLessThan(after);
      expect(await client.get(FENCE_COUNTER)).toBe(String(fences.at(-1)));
      await Promise.all(held.map((lock) => lock.release()));
    }
  });

  it('given a lost counter, then the fences of the batch begin at the clock', async () => {
    const held = await Promise.all(KEYS.map((key) => locks.service.acquire(key)));
    await Promise.all(held.map((lock) => lock.release()));
    const lost = await microsecondsOf(client);
    await client.del(FENCE_COUNTER);
    const again = await Promise.all(KEYS.map((key) => locks.service.acquire(key)));
    expect(again[0]?.fence).toBeGreaterThanOrEqual(lost);
    await Promise.all(again.map((lock) => lock.release()));
  });

  it('given a counter that cannot be written, then all are refused, and nothing is left', async () => {
    await client.call('ACL', 'SETUSER', 'eve', 'on', '>pw', '~lock:k*', '~lock:~nl:q*', '&*', '+@all');
    await client.call('ACL', 'SETUSER', 'eve', '%R~lock:~nl:f');
    const eve = locksOn({ url: `redis://eve:pw@127.0.0.1:${server.port}` });
    const tries = await Promise.allSettled(KEYS.map((key) => eve.service.acquire(key, { wait: 500 })));
    expect(tries.map(codeOf)).toEqual(KEYS.map(() => 'LOCK_STORE'));
    await eventually(async () => expect(await client.keys('lock:k*')).toEqual([]));
    await eve.close();
  });

  it('given a release and a request of one key, then they run in the order in which they came', async () => {
    const held = await locks.service.acquire('k');
    const [released, next] = await Promise.all([held.release(), locks.service.tryAcquire('k')]);
    expect(released).toBe(true);
    expect(next?.fence).toBeGreaterThan(held.fence);
    await next?.release();
  });

  it('given a server that forgot the script, then it is sent in full', async () => {
    await client.script('FLUSH');
    const held = await Promise.all(KEYS.map((key) => locks.service.acquire(key)));
    await client.script('FLUSH');
    expect(await Promise.all(held.map((lock) => lock.release()))).toEqual(KEYS.map(() => true));
  });

  it('given no reply, then every token is released', async () => {
    const hung = locksOn(server, { commandTimeout: 300 });
    await connected(hung);
    await (await hung.service.acquire('warm')).release();
    server.pause();
    const tries = await Promise.allSettled(KEYS.map((key) => hung.service.acquire(key)));
    server.resume();
    expect(tries.map(codeOf)).toEqual(KEYS.map(() => 'LOCK_STORE'));
    const free = await Promise.all(KEYS.map((key) => locks.service.acquire(key)));
    await Promise.all(free.map((lock) => lock.release()));
    await hung.close();
  });
});
