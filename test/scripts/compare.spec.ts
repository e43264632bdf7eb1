/** Fast paths and the general case give equal replies and an equal state of Redis, and do as the reference model does. */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type Clients, type Counts, compare } from './compare.js';
import { Difference } from './differences.js';
import { FAULTS, planted } from './faults.js';
import { program } from './program.js';

let server: RedisServer;
let clients: Clients;

beforeAll(async () => {
  server = await startRedis();
  clients = { picked: server.client({ db: 1 }), general: server.client({ db: 2 }) };
});
afterAll(() => server.stop());

it('random programs do the same with the scripts that are picked, by the general case, and in memory', async () => {
  // A failure names the seed. LUA_SEED runs the same programs again, and LUA_PROGRAMS more of them.
  const seed = Number(process.env.LUA_SEED ?? randomInt(2 ** 31));
  const numRuns = Number(process.env.LUA_PROGRAMS ?? 1_000);
  const counts: Counts = new Map();
  await fc.assert(
    fc.asyncProperty(program, (each) => compare(each, clients, counts)),
    { seed, numRuns },
  );
  if (process.env.LUA_SHOW) console.log(Object.fromEntries([...counts].sort()));
  for (const what of [
    'granted',
    'queued',
    'busy',
    'not-queued',
    'kind-conflict',
    'too late',
    'several offers',
    'batch',
  ]) {
    expect([what, counts.get(what) ?? 0]).toEqual([what, expect.any(Number)]);
    expect(counts.get(what) ?? 0).toBeGreaterThan(numRuns / 100);
  }
}, 3_600_000);

// The rare ones take some thousands of programs. `npm run lua:compare` finds them.
const faults = Object.entries(FAULTS).filter(([, { rare }]) => !rare || process.env.LUA_FAULTS);

it.each(faults)(
  'a planted fault is found: %s',
  async (_, fault) => {
    const { mutate, planted: times } = planted(fault);
    const found = await fc.check(
      fc.asyncProperty(program, (each) => compare(each, clients, new Map(), mutate)),
      { seed: 1, numRuns: 10_000, endOnFailure: true },
    );
    expect(times()).toBeGreaterThan(0);
    expect(found).toMatchObject({ failed: true, errorInstance: expect.any(Difference) });
  },
  300_000,
);
