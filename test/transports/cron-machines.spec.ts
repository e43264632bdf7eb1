/** `@Cron` on five machines, each a process with a clock of its own: `onBusy: 'skip'` and `minHold`. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { type Child, startChild } from '../support/child-process.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { Attempt, CronHandlers, CronOptions } from '../support/workers/cron.worker.js';

type Machine = Child<CronHandlers>;

const WORKER = new URL('../support/workers/cron.worker.ts', import.meta.url);
const MACHINES = [0, 1, 2, 3, 4];
const SKEW = 150;
const EVERY = 3;
const MIN_HOLD = 1_500;

let redis: RedisServer;
let client: Redis;
let machines: Machine[] = [];

beforeAll(async () => {
  redis = await startRedis();
  client = redis.client();
  machines = await Promise.all(MACHINES.map(() => startChild<CronHandlers>(WORKER)));
  await Promise.all(machines.map((machine, i) => machine.call('boot', i * SKEW)));
}, 90_000);
afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.kill()));
  await redis.stop();
});

async function start(optionsOf: (index: number) => Omit<CronOptions, 'url'>): Promise<void> {
  await client.flushall();
  await Promise.all(machines.map((machine, i) => machine.call('start', { url: redis.url, ...optionsOf(i) })));
}

async function ticks(): Promise<Map<number, Attempt[]>> {
  const attempts = (await Promise.all(machines.map((machine) => machine.call('attempts')))).flat();
  const byTick = new Map<number, Attempt[]>();
  for (const attempt of attempts) byTick.set(attempt.tick, [...(byTick.get(attempt.tick) ?? []), attempt]);
  return byTick;
}

/**
 * What the recipe promises for: every machine came, and none of them so late that it took the next turn, as an overloaded
 * one may.
 */
function counts(attempts: readonly Attempt[]): boolean {
  const at = attempts.map((attempt) => attempt.at);
  return (
    attempts.length === MACHINES.length &&
    Math.max(...at) - Math.min(...at) < MIN_HOLD - 500 &&
    attempts.every(({ late }) => Math.abs(late) < (EVERY * 1000) / 2 - SKEW)
  );
}

/** How often the job ran, at each of the first `n` occasions that count. */
async function runs(n: number): Promise<number[]> {
  return eventually(
    async () => {
      const counted = [...(await ticks()).values()].filter(counts);
      expect(counted.length).toBeGreaterThanOrEqual(n);
      return counted.map((attempts) => attempts.filter(({ ran }) => ran).length);
    },
    { within: 60_000, every: 200 },
  );
}

describe('five machines', () => {
  it('run a short job once an occasion, whatever their clocks say', async () => {
    await start(() => ({ every: EVERY, minHold: `${MIN_HOLD}ms` }));
    expect(new Set(await runs(3))).toEqual(new Set([1]));
  }, 90_000);

  it('run it on several of them without minHold: each finds the lock free again', async () => {
    await start(() => ({ every: EVERY }));
    expect(Math.max(...(await runs(1)))).toBeGreaterThan(1);
  }, 90_000);

  it('skip it while one is at it; should that one crash, one other takes it over once the ttl is over', async () => {
    await start((i) => ({ hang: i === 0, ttl: '4s', minHold: '60s' }));
    expect(await machines[0].call('fire')).toBe(true);
    for (const other of machines.slice(1)) expect(await other.call('fire')).toBe(false);
    await machines[0].kill();
    const left = await client.pttl('lock:report');
    const early = await machines[1].call('fire');
    // Unless the machine is so slow that it has ended meanwhile.
    if ((await client.pttl('lock:report')) > 0) expect(early).toBe(false);
    expect(left).toBeLessThanOrEqual(4_000);
    await eventuallyTrue(async () => early || (await client.exists('lock:report')) === 0, { within: 30_000 });
    const taken = await Promise.all(machines.slice(1).map((machine) => machine.call('fire')));
    expect([early, ...taken].filter(Boolean)).toHaveLength(1);
  }, 90_000);
});
