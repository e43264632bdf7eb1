/** Tokens of requests with an unknown outcome are released, at a bounded rate while the server refuses to release them. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

/** The pauses between releases of one token are 200, 400, 800 and 1,000 ms. */
const OBSERVED = 3_500;
const MOST_RELEASES = 6;

let server: RedisServer;
let client: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.stop());

it('given a server that refuses scripts, then a failed request adds one token, however often its release fails', async () => {
  const locks = locksOn(server);
  await (await locks.service.acquire('warm')).release();
  let scripts = 0;
  const call = locks.client.call.bind(locks.client) as (...args: unknown[]) => Promise<unknown>;
  Object.assign(locks.client, {
    call: (command: string, ...args: unknown[]) => {
      if (command.startsWith('EVAL')) scripts += 1;
      return call(command, ...args);
    },
  });
  await client.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha');
  await expect(locks.service.tryAcquire('k')).rejects.toMatchObject({ code: 'LOCK_STORE' });
  scripts = 0;
  await pause(OBSERVED);
  expect(scripts).toBeGreaterThan(1);
  expect(scripts).toBeLessThanOrEqual(MOST_RELEASES);
  await client.call('ACL', 'SETUSER', 'default', '+eval', '+evalsha');
  const refused = scripts;
  await eventually(() => expect(scripts).toBe(refused + 1));
  // The token is released: nothing more is sent.
  await pause(1_500);
  expect(scripts).toBe(refused + 1);
  await locks.close();
}, 60_000);
