/** What the inspection of locks costs while nobody inspects: no command. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import type { InspectionMode } from '../../lib/core/inspector/listening.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
const opened: Locks[] = [];

beforeEach(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((locks) => locks.close()));
  await server.stop();
});

function open(inspection: InspectionMode | undefined): Locks {
  const locks = locksOn(server, { inspection });
  opened.push(locks);
  return locks;
}

/** The calls of each command by a thousand locks. */
async function callsOf(inspection: InspectionMode): Promise<Record<string, number>> {
  const { service } = open(inspection);
  await service.using('warm', () => undefined);
  const admin = server.client();
  await admin.call('CONFIG', 'RESETSTAT');
  for (let i = 0; i < 800; i += 1) await service.using(`k${i % 7}`, () => undefined);
  for (let i = 0; i < 100; i += 1) await service.using('r', { mode: 'shared' }, () => undefined);
  for (let i = 0; i < 100; i += 1) await service.using('s', { limit: 3 }, () => undefined);
  const stats = await admin.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)];
  return Object.fromEntries(calls.map(([, name, count]) => [name, Number(count)]));
}

it('given a thousand locks, then the commands are those of a process without inspection', async () => {
  // The server learns the scripts at first, and its clock is read again at intervals.
  const auto = await eventually(
    async () => {
      const [off, calls] = [await callsOf('off'), await callsOf('auto')];
      expect(calls).toEqual(off);
      return calls;
    },
    { within: 25_000 },
  );
  expect(auto.evalsha).toBeGreaterThan(1_000);
  for (const name of ['publish', 'subscribe', 'client|setname', 'scan', 'keys', 'auth', 'hello']) {
    expect(auto).not.toHaveProperty(name);
  }
});

it('given an idle process that has waited, held and inspected, then it sends no command', async () => {
  const [a, b] = [open(undefined), open('always')];
  const lock = await a.service.acquire('k');
  const next = b.service.acquire('k', { wait: '20s' });
  await eventually(async () => expect((await b.service.inspect('k'))?.queue).toHaveLength(1));
  await b.service.overview();
  await lock.release();
  await (await next).release();
  const monitor = await server.client().monitor();
  const lines: string[][] = [];
  monitor.on('monitor', (_time: string, args: string[]) => void lines.push(args));
  // The connection of hand-offs is tested by PING for some seconds after the last wait. A second without inspection
  // is enough here, because each of its timers that is set would be due.
  await pause(1_500);
  expect(lines.filter(([name]) => name !== 'ping')).toEqual([]);
  monitor.disconnect();
});
