/** The rights of a Redis user for the inspection of locks. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { type Locks, type LocksOptions, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const LIMITED = { username: 'locks', password: 'a-long-secret' };

let server: RedisServer;
let admin: Redis;
const opened: Locks[] = [];

beforeEach(async () => {
  server = await startRedis();
  admin = server.client();
  const docs = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  const [, command = ''] = /```text\nACL (SETUSER .*)\n```/.exec(docs) ?? [];
  await admin.call('ACL', ...command.split(' '));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((locks) => locks.close()));
  await server.stop();
});

function open(options: LocksOptions): Locks {
  const locks = locksOn(server, options);
  opened.push(locks);
  return locks;
}

async function keysOf(locks: Locks): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of locks.service.list()) keys.push(key);
  return keys;
}

describe('the rights of the documentation', () => {
  it('given them, then inspect, overview and forceRelease work, and list names the right it lacks', async () => {
    const [a, b] = ['a', 'b'].map((owner) => open({ owner, redis: LIMITED, inspection: 'always' }));
    const lock = await a.service.acquire('k');
    const next = b.service.acquire('k', { wait: '20s' });
    const info = await eventually(async () => {
      const found = await b.service.inspect('k');
      expect(found).toMatchObject({ holders: [{ owner: 'a', answered: true }], queue: [{ owner: 'b' }] });
      return found!;
    });
    expect(await b.service.overview()).toMatchObject({ silent: 0, processes: [{}, {}] });
    await expect(keysOf(b)).rejects.toMatchObject({
      code: 'LOCK_STORE',
      message: expect.stringContaining('"+scan"') as unknown,
    });
    expect(await b.service.forceRelease('k', { holder: info.holders[0].id, by: 'jane' })).toEqual({
      released: 1,
      told: 1,
    });
    await (await next).release();
    await eventually(() => expect(lock.signal.aborted).toBe(true));
    expect([...a.warnings, ...b.warnings]).toEqual([]);
    await admin.call('ACL', 'SETUSER', 'locks', '+scan');
    const held = await a.service.acquire('k2');
    expect(await keysOf(b)).toEqual(['k2']);
    await held.release();
  });
});

describe.each([
  ['the command SUBSCRIBE', ['-subscribe']],
  ['all channels', ['resetchannels']],
  ['the channels of the inspection', ['resetchannels', '&lock:~nl:w:*']],
])('a user without the right to %s', (_name, rules) => {
  beforeEach(async () => void (await admin.call('ACL', 'SETUSER', 'locks', ...rules)));

  it('given locks, then they work, and the process is told as silent', async () => {
    const limited = open({ owner: 'limited', redis: LIMITED, inspection: 'always' });
    const free = open({ owner: 'free' });
    const lock = await limited.service.acquire('k');
    await limited.service.using('other', () => undefined);
    expect(await free.service.inspect('k', { patience: '50ms' })).toMatchObject({
      holders: [{ owner: 'limited', answered: false }],
    });
    expect(await free.service.forceRelease('k', { holder: 'any', by: 'jane' })).toEqual({
      released: 1,
      told: 0,
    });
    await lock.release();
  });

  it('given another holder, then inspect tells what the keys tell, and overview names the refusal', async () => {
    const limited = open({ owner: 'limited', redis: LIMITED, commandTimeout: 20_000 });
    const free = open({ owner: 'free', inspection: 'always' });
    const lock = await free.service.acquire('k');
    for (let i = 0; i < 3; i += 1) {
      expect(await limited.service.inspect('k')).toMatchObject({
        holders: [{ owner: 'free', answered: false }],
      });
      await expect(limited.service.overview()).rejects.toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/NOPERM.*SUBSCRIBE/s) as unknown,
      });
    }
    const { holders } = (await limited.service.inspect('k'))!;
    const forced = await limited.service.forceRelease('k', { holder: holders[0].id, by: 'jane' });
    expect(forced.released).toBe(1);
    await lock.release();
  });
});
