/**
 * A short run of the fuzzer: programs of seeds that have something of everything, and one that nobody has seen before.
 * `npm run fuzz -- --minutes N` is the long one.
 */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Arena } from './arena.js';
import type { History } from './history.js';
import { judge } from './judge.js';
import { programOf } from './program.js';
import { reportOf, summaryOf } from './report.js';
import { runProgram } from './run.js';

let arena: Arena;
beforeAll(async () => {
  arena = await Arena.open();
}, 30_000);
afterAll(() => arena.close(), 30_000);

async function run(seed: number): Promise<History> {
  const history = await runProgram(programOf(seed), arena);
  const violations = judge(history);
  if (violations.length > 0) throw new Error(reportOf(seed, history, violations));
  return history;
}

describe('a program keeps all rules', () => {
  // Chosen for what they do; another generator makes others of them.
  it.each([
    ['a storm: 85 callers, three keys, sections that end at once', 208],
    ['messages that get lost while leases last, four parties', 77],
    ['processes that are paused and killed while others wait', 160],
    ['requests and replies that come late, two keys, five parties', 82],
    ['Redis flushed and paused, connections cut, 99 callers', 378],
    ['a clock that goes back, and nothing else: the order between three parties', 225],
    ['readers and writers, of processes that are paused and killed', 59],
    ['three permits: Redis restarted and flushed, a process killed, plain clients that hold the key', 84],
    ['readers and writers, and who takes their keys for semaphores', 73],
  ])(
    '%s (seed %i)',
    async (_, seed) => {
      expect(summaryOf(await run(seed)).holds).toBeGreaterThan(0);
    },
    90_000,
  );

  it('of a random seed', async () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`fuzz: the random seed is ${seed}\n`);
    await run(seed);
  }, 90_000);
});
