/**
 * A short run of the fuzzer: programs of chosen seeds, which together have each kind of fault and lock, and one program of
 * a random seed. `npm run fuzz -- --minutes N` is the long run.
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

describe('a program', () => {
  // The seeds were chosen for their programs. If the generator changes, the descriptions are wrong.
  it.each([
    ['a storm: 85 callers, three keys, holds that end at once', 208],
    ['messages that are lost while leases last, four sessions', 77],
    ['processes that are paused and killed while others wait', 160],
    ['requests and replies that come late, two keys, five sessions', 82],
    ['Redis flushed and paused, connections cut, 99 callers', 378],
    ['a clock that goes back, and nothing else: the order between three sessions', 225],
    ['readers and writers, of processes that are paused and killed', 59],
    ['three permits: Redis restarted and flushed, a process killed, foreign clients that hold the key', 84],
    ['readers and writers, and calls that take their keys for semaphores', 73],
  ])(
    'given %s (seed %i), then no rule is broken',
    async (_, seed) => {
      expect(summaryOf(await run(seed)).holds).toBeGreaterThan(0);
    },
    90_000,
  );

  it('given a random seed, then no rule is broken', async () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`fuzz: the random seed is ${seed}\n`);
    await run(seed);
  }, 90_000);
});
