/**
 * A client with the right to publish on the channels of hand-offs can forge an offer. If the fence of an offer cannot be
 * right, nothing starts before Redis has confirmed the offer. No forged offer makes a process release a held lock.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { sessionIdOf } from '../../lib/core/contracts/token.js';
import { RENEW } from '../../lib/stores/redis/scripts/scripts.js';
import { eventually } from '../support/eventually.js';
import { microsecondsOf } from '../support/fence-clock.js';
import { type Locks, locksOn } from '../support/locks.js';
import { queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
let client: Redis;
let locks: Locks;
let other: Locks;
const queue = (): ReturnType<typeof queueOf> => queueOf(client);

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await client.flushall();
  locks = locksOn(server);
  other = locksOn(server);
});
afterEach(() => Promise.all([locks.close(), other.close()]));

/** Publishes to the channel of the token's session, which is subscribed to it. */
async function forge(token: string, message: string): Promise<void> {
  expect(await client.publish(`lock:~nl:w:${sessionIdOf(token)}`, message)).toBe(1);
}

/** Resolves when the locks have handled all former messages: a later hand-off to them has arrived. */
async function heard(by: Locks): Promise<void> {
  const [token] = await waiterOf(by, 'heard');
  await token();
}

/** The scripts that the client sends from now on, by their hash. */
function scriptsOf(from: Locks): string[] {
  const seen: string[] = [];
  const send = from.client.call.bind(from.client) as (...args: unknown[]) => Promise<unknown>;
  const call = (command: string, ...args: unknown[]): Promise<unknown> => {
    if (command === 'EVAL' || command === 'EVALSHA') seen.push(String(args[0]));
    return send(command, ...args);
  };
  Object.assign(from.client, { call });
  return seen;
}

/** `other` holds the key, and `by` waits for it. Returns the function that ends both, and the waiter's token. */
async function waiterOf(by: Locks, key: string): Promise<[end: () => Promise<void>, token: string]> {
  const holder = await other.service.acquire(key);
  const waiting = by.service.acquire(key);
  await queueOf(client, key).holds(1);
  const [token = ''] = await queueOf(client, key).tokens();
  const end = async (): Promise<void> => {
    await holder.release();
    await (await waiting).release();
  };
  return [end, token];
}

const now = (): Promise<number> => microsecondsOf(client);

describe('a forged offer', () => {
  const AHEAD: Array<[name: string, fence: () => Promise<number>]> = [
    ['2^53 - 1', () => Promise.resolve(Number.MAX_SAFE_INTEGER)],
    ['a second ahead of the clock of Redis', async () => (await now()) + 1_000_000],
  ];

  it.each(AHEAD)(
    'given a fence of %s, then the offer is confirmed first, nothing starts, and the waiter stays queued',
    async (_, fence) => {
      const holder = await other.service.acquire('k');
      let started = false;
      const waiting = locks.service.using('k', (lock) => {
        started = true;
        return Promise.resolve(lock.fence);
      });
      await queue().holds(1);
      const [token = ''] = await queue().tokens();
      const behind = other.service.acquire('k');
      behind.catch(() => undefined);
      const scripts = scriptsOf(locks);
      await forge(token, `${await fence()} ${token} lock:k`);
      // The offer was refused, and another token waits in its place of the queue.
      await eventually(async () => expect(await queue().tokens()).not.toContain(token));
      await queue().holds(1);
      expect(scripts).toContain(RENEW.source);
      expect(started).toBe(false);
      expect(holder.held).toBe(true);
      await holder.release();
      expect(await waiting).toBeLessThanOrEqual(await now());
      await (await behind).release();
    },
  );

  it.each(['-1', '0', '9007199254740992', '1e15', 'NaN', 'Infinity', '0x10', '1.5', '', '9'.repeat(30)])(
    'given a fence of "%s", then the message is no offer, and no command is sent',
    async (fence) => {
      const [end, token] = await waiterOf(locks, 'k');
      await waiterOf(locks, 'heard').then(async ([over]) => {
        const scripts = scriptsOf(locks);
        await forge(token, `${fence} ${token} lock:k`);
        await forge(token, `${fence}${token} lock:k`);
        await over();
        expect(scripts.filter((script) => script === RENEW.source)).toHaveLength(1); // of the hand-off that followed
      });
      expect(await queue().tokens()).toEqual([token]);
      await end();
    },
  );

  it("given the token of another process, then this process does not release that process's lock", async () => {
    const [end, token] = await waiterOf(locks, 'k');
    const victim = (await queue().holder()) ?? '';
    for (const key of ['k', 'elsewhere']) {
      const held = key === 'k' ? undefined : await other.service.acquire(key);
      const stolen = held === undefined ? victim : ((await client.get(`lock:${key}`)) ?? '');
      await forge(token, `${await now()} ${stolen} lock:${key}`);
      await heard(locks);
      expect(await client.get(`lock:${key}`)).toBe(stolen);
      await held?.release();
    }
    await end();
  });

  it('given an own token held by tryAcquire() or minHold, then its lock is not released', async () => {
    const [end, token] = await waiterOf(locks, 'k');
    const mine = await locks.service.tryAcquire('mine');
    const kept = await locks.service.acquire('kept', { minHold: '20s' });
    await kept.release();
    for (const key of ['mine', 'kept']) {
      const held = (await client.get(`lock:${key}`)) ?? '';
      expect(held).not.toBe('');
      await forge(token, `${await now()} ${held} lock:${key}`);
      await heard(locks);
      expect(await client.get(`lock:${key}`)).toBe(held);
    }
    expect(mine?.held).toBe(true);
    expect(await mine?.release()).toBe(true);
    await end();
  });

  it('given a key without a waiter, or a foreign name, then nothing starts and nothing breaks', async () => {
    const [end, token] = await waiterOf(locks, 'k');
    const unknown = token.replace(/:[^:]*:/, (session) => `${session}zzz`);
    for (const name of ['lock:nobody', 'lock:~nl:f', 'other:k', 'k', '']) {
      await forge(token, `${await now()} ${unknown} ${name}`);
      await forge(token, `${await now()} ${token} ${name}`);
    }
    await heard(locks);
    expect(await queue().tokens()).toEqual([token]);
    expect(locks.events).toEqual([]);
    await end();
  });

  it('given a repeated old offer, then it is ignored', async () => {
    const messages: string[] = [];
    const spy = client.duplicate();
    spy.on('pmessage', (_pattern: string, _channel: string, message: string) => void messages.push(message));
    await spy.psubscribe('lock:~nl:w:*');
    const [end] = await waiterOf(locks, 'k');
    await end();
    await eventually(() => expect(messages).toHaveLength(1));
    spy.disconnect();
    const [again, token] = await waiterOf(locks, 'k');
    const scripts = scriptsOf(locks);
    const [fence = ''] = (messages[0] ?? '').split(' ');
    // The old fence, with the old token and with the new one.
    await forge(token, messages[0] ?? '');
    await forge(token, `${fence} ${token} lock:k`);
    await heard(locks);
    expect(await queue().tokens()).toEqual([token]);
    expect(scripts.filter((script) => script === RENEW.source)).toHaveLength(1);
    await again();
  });

  it('given the messages on the channels, then the random part of the next token cannot be derived', async () => {
    const tokens = new Set<string>();
    for (let i = 0; i < 300; i += 1) {
      const lock = await locks.service.acquire('k');
      tokens.add(lock.token);
      await lock.release();
    }
    expect(tokens.size).toBe(300);
    const parts = [...tokens].map((token) => /^nl1:[^:]+:([0-9a-z]+):/.exec(token)?.[1] ?? '');
    const random = parts.map((part) => part.slice(-10));
    expect(random.every((digits) => /^[0-9a-f]{10}$/.test(digits))).toBe(true);
    expect(new Set(random).size).toBe(300);
  });
});
