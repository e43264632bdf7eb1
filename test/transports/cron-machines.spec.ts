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
 * Whether the recipe promises anything for this occasion: every machine tried, and no machine came after `minHold` was
 * over. An overloaded machine may come that late.
 */
function counts(attempts: readonly Attempt[]): boolean {
  const at = attempts.map((attempt) => attempt.at);
  return (
    attempts.length === MACHINES.length &&
    Math.max(...at) - Math.min(...at) < MIN_HOLD - 500 &&
    attempts.every(({ late }) => Math.abs(late) < (EVERY * 1000) / 2 - SKEW)
  );
}

/** How often the job ran, at each occasion that counts; waits until there are `n` of these. */
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

describe('a cron job on five machines', () => {
  it('given minHold and clocks that differ, then a short job runs once an occasion', async () => {
    await start(() => ({ every: EVERY, minHold: `${MIN_HOLD}ms` }));
    expect(new Set(await runs(3))).toEqual(new Set([1]));
  }, 90_000);

  it('given no minHold, then several machines run the job, because each finds the lock free again', async () => {
    await start(() => ({ every: EVERY }));
    expect(Math.max(...(await runs(1)))).toBeGreaterThan(1);
  }, 90_000);

  it('given a running job, then other machines skip it; given a crash, then one takes it over after the ttl', async () => {
    await start((i) => ({ hang: i === 0, ttl: '4s', minHold: '60s' }));
    expect(await machines[0].call('fire')).toBe(true);
    for (const other of machines.slice(1)) expect(await other.call('fire')).toBe(false);
    await machines[0].kill();
    const left = await client.pttl('lock:report');
    const early = await machines[1].call('fire');
    // On a very slow machine the lease may have ended before the job fired.
    if ((await client.pttl('lock:report')) > 0) expect(early).toBe(false);
    expect(left).toBeLessThanOrEqual(4_000);
    await eventuallyTrue(async () => early || (await client.exists('lock:report')) === 0, { within: 30_000 });
    const taken = await Promise.all(machines.slice(1).map((machine) => machine.call('fire')));
    expect([early, ...taken].filter(Boolean)).toHaveLength(1);
  }, 90_000);
});
