/**
 * `npm run fuzz -- [--minutes N | --seconds N] [--seed S] [--jobs J] [--keep-going]` runs programs until the time is over,
 * J at a time. With a seed alone, it runs one program. It fails at the first history that breaks a rule, and prints how
 * to run that program again.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Arena } from './arena.js';
import { judge } from './judge.js';
import { programOf } from './program.js';
import { reportOf, summaryOf } from './report.js';
import { runProgram } from './run.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    jobs: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
});

const timed = values.minutes !== undefined || values.seconds !== undefined;
const seconds = Number(values.minutes ?? 0) * 60 + Number(values.seconds ?? 0);
const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const jobs = Number(values.jobs ?? (timed || values.seed === undefined ? 2 : 1));
if (!Number.isSafeInteger(first) || !Number.isFinite(seconds) || !(jobs >= 1)) {
  console.error('--minutes and --seconds take a number, --seed and --jobs a whole number.');
  process.exit(2);
}
// A seed alone is one program. Without options, programs run for a minute.
const end = performance.now() + 1_000 * (timed ? seconds : values.seed === undefined ? 60 : 0);
console.log(`The first seed is ${first}. Each later program has the next seed.`);

let failed = 0;
let programs = 0;
let holds = 0;
let next = first;

async function run(seed: number, arena: Arena): Promise<void> {
  const history = await runProgram(programOf(seed), arena);
  const violations = judge(history);
  const summary = summaryOf(history);
  programs += 1;
  holds += summary.holds;
  const counts = JSON.stringify({
    ...summary.locks,
    ...summary.refused,
    lost: summary.lost,
    ...summary.faults,
  });
  console.log(
    `seed ${seed}: ${summary.calls} calls, ${summary.holds} holds ${counts.replaceAll('"', '')}`,
  );
  if (violations.length === 0) return;
  failed += 1;
  const file = join(tmpdir(), `lock-fuzz-${seed}.jsonl`);
  writeFileSync(file, history.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  console.error(`${reportOf(seed, history, violations)}\nThe whole history: ${file}\n`);
}

/** A program mostly waits, so several at a time find more. Each has its own Redis. */
async function work(): Promise<void> {
  const arena = await Arena.open();
  try {
    while (next === first || performance.now() < end) {
      if (failed > 0 && !values['keep-going']) break;
      await run(next++, arena);
    }
  } finally {
    await arena.close();
  }
}

await Promise.all(Array.from({ length: jobs }, work));
console.log(`${programs} programs, ${holds} holds, ${failed} failed.`);
process.exitCode = failed === 0 ? 0 : 1;
