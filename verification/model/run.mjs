// Checks the model of the protocol with spin. The protocol must keep all properties. Each mutant lacks one safeguard,
// and must break a property. Prints one row a check. The exit code is 1 if a check came out otherwise.
//
//   node verification/model/run.mjs              the checks that CI runs
//   node verification/model/run.mjs --large      larger sizes of the protocol instead: minutes, and up to 3 GB
//   node verification/model/run.mjs NAME ...     these checks only; prints the trace of a broken property
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODEL = fileURLToPath(new URL('protocol.pml', import.meta.url));
/** The longest time for one command of a check, in ms. */
const LONGEST = 1_800_000;
/** The memory of one check, in MB. */
const MEMORY = { usual: 1700, large: 3800 };

const TWO = { N: 2, CALLERS: 2, BUDGET: 2 };
const UNLUCKY = { N: 2, CALLERS: 1, BUDGET: 3 };

/** The protocol, which must keep all properties. With `bits`, a hash table of 2^bits bits stands for the states. */
const PROTOCOL = [
  { name: 'two-by-two', says: '2 processes × 2 callers, 2 misfortunes', define: TWO },
  {
    name: 'three',
    says: '3 processes × 1 caller, 2 misfortunes',
    define: { N: 3, T: 4, CALLERS: 1, BUDGET: 2 },
  },
  { name: 'unlucky', says: '2 processes × 1 caller, 3 misfortunes', define: UNLUCKY },
  {
    name: 'forgetful',
    says: '2 processes × 1 caller, 3 misfortunes, of which the server may forget all',
    define: { ...UNLUCKY, FLUSH: 1 },
  },
];

const LARGE = [
  {
    name: 'three-by-two',
    says: '3 processes × 2 callers, 1 misfortune',
    define: { N: 3, CALLERS: 2, BUDGET: 1 },
  },
  {
    name: 'three-unlucky',
    says: '3 processes × 1 caller, 3 misfortunes',
    define: { N: 3, CALLERS: 1, BUDGET: 3 },
    bits: 33,
  },
  {
    name: 'two-by-two-forgetful',
    says: '2 processes × 2 callers, 2 misfortunes, of which the server may forget all',
    define: { ...TWO, FLUSH: 1 },
  },
];

const ORPHAN = 'orphanStays';
const FORGOTTEN = 'waiterForgotten';
const OVERLAP = 'exclusive';
const FENCES = 'fencesIncrease';
const PASSED = 'nobodyPassed';

/** What each mutant lacks, and the properties of which it must break one. */
const MUTANTS = [
  mutant('TOKEN', 'a token used for two requests', [OVERLAP, PASSED, ORPHAN]),
  mutant('NOTAFTER', 'a delayed request outlives its clean-up: no notAfter', [ORPHAN]),
  mutant('TIMEAFTER', "a clean-up that reads the server's time after the release", [ORPHAN]),
  mutant('LEFT', 'all callers leave, and the request is not released', [ORPHAN]),
  mutant('QUEUESCORE', 'a place in the queue lost at a reconnection', [PASSED], UNLUCKY),
  mutant('NOTQUEUED', 'no new request after the reply "not queued"', [FORGOTTEN]),
  mutant('CHECK', 'hand-off without the timer of a check', [FORGOTTEN]),
  mutant('ANYRELEASE', 'a release that does not check the owner', [OVERLAP]),
  mutant('ANYRENEW', 'a renewal that does not check the owner', [OVERLAP, FENCES]),
  mutant('OFFERLEASE', 'an unconfirmed offer treated as a full lease', [OVERLAP]),
  mutant('L0', "an offer's end counted from the arrival of its message", [OVERLAP]),
  mutant('REPLYTIME', "a lease's end counted from the arrival of its reply", [OVERLAP]),
  mutant('TAKEN', 'an offer served while a command with its token may still fail', [OVERLAP]),
  mutant('OLDOFFER', 'an offer believed that is older than the latest reply', [OVERLAP], UNLUCKY),
  mutant('COUNTER', 'fences that do not follow the clock, and a server that forgets', [FENCES], {
    ...TWO,
    FLUSH: 1,
  }),
  mutant('PROMOTEREQUEST', 'a coordinator that takes over without the request under way', [FORGOTTEN]),
  mutant('PROMOTELEASE', "a coordinator that takes over without the lone caller's lease", [
    ORPHAN,
    FORGOTTEN,
  ]),
  mutant('PROMOTEWAITER', 'a coordinator that takes over without the waiter', [FORGOTTEN]),
  mutant('LONEOVER', 'a lone caller that releases a lease which came too late, and waits on', [FORGOTTEN]),
];

function mutant(name, says, breaks, define = TWO) {
  return { name, says: `mutant: ${says}`, define: { ...define, [`M_${name}`]: 1 }, breaks };
}

/** The situations that the checks of the protocol must meet together. Without them the checks would prove little. */
const WITNESSES = {
  1: 'an offer comes for a token that is dead',
  2: 'a hold starts before the confirmation',
  3: 'an abandoned request runs',
  4: 'a request is refused as too late',
  5: 'a hold starts after the confirmation of an old offer',
  6: 'a place in the queue is taken back',
  7: 'a check finds the key granted',
  8: 'a request that does not queue is granted',
  9: 'the reply "granted" comes after its lease has ended',
  10: 'an offer expires',
  11: 'a lease expires under a hold of a paused process',
  12: 'a process dies in a hold',
  13: 'a renewal finds another owner',
  14: 'a release in the background frees the key',
  15: 'a second hold runs under one lease',
  16: 'the server forgets a lease',
  17: "a coordinator takes over a lone caller's request",
  18: "a coordinator takes over a lone caller's lease",
  19: 'a lone caller releases its lease',
  20: 'the lease of a lone caller is over before its hold',
};

/** The words for the model's numbers of modes and replies in a trace. */
const WORDS = ['-', 'once', 'queue', 'check', 'granted', 'busy', 'queued', 'not queued'];

function run(command, args, cwd) {
  return new Promise((resolve) => {
    const options = { cwd, timeout: LONGEST, killSignal: 'SIGKILL', maxBuffer: 1 << 26 };
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: `${stdout}${stderr}` }),
    );
  });
}

async function must(command, args, cwd) {
  const { failed, output } = await run(command, args, cwd);
  if (failed) throw new Error(`${command} failed:\n${output}`);
}

/** Builds and runs one checker. Mutants break early, so their checkers are built fast. The others are built to run fast. */
async function check({ define, breaks, bits }, { memory, trace }) {
  const directory = mkdtempSync(join(tmpdir(), 'lock-model-'));
  try {
    copyFileSync(MODEL, join(directory, 'protocol.pml'));
    const defines = Object.entries(define).map(([name, value]) => `-D${name}=${value}`);
    await must('spin', ['-a', ...defines, 'protocol.pml'], directory);
    // All state is shared, so partial order reduction could leave nothing out.
    const options = ['-DSAFETY', '-DNOREDUCE', `-DMEMLIM=${memory}`, ...(bits ? ['-DBITSTATE'] : [])];
    const fast = breaks ? ['-O0'] : ['-O1', '-finline-small-functions'];
    await must('gcc', [...fast, ...options, '-o', 'pan', 'pan.c'], directory);
    const started = performance.now();
    const { output } = await run(
      './pan',
      ['-m100000', '-c1', ...(bits ? [`-w${bits}`, '-k3'] : [])],
      directory,
    );
    const outcome = { seconds: (performance.now() - started) / 1000, ...read(output) };
    if (trace && existsSync(join(directory, 'protocol.pml.trail'))) {
      outcome.trace = readTrace((await run('./pan', ['-r'], directory)).output);
    }
    return outcome;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function read(output) {
  const states = Number(/(\S+) states, stored/.exec(output)?.[1] ?? NaN);
  const violated = /assertion violated (.*) \(at depth/.exec(output)?.[1];
  const unfinished = /errors: \d/.test(output)
    ? /Search not completed|max search depth too small|MEMLIM bound|out of memory|resource/i.exec(output)?.[0]
    : `no result:\n${output.slice(-500)}`;
  const witnesses = [...output.matchAll(/^witness (\d+):/gm)].map((match) => match[1]);
  const coverage = /hash factor: (\S+)/.exec(output)?.[1];
  return {
    states,
    violated,
    unfinished: violated === undefined ? unfinished : undefined,
    witnesses,
    coverage,
  };
}

function readTrace(output) {
  const lines = output.split('\n').filter((line) => /^(process|server|pan:1: assertion)/.test(line));
  return lines.map((line) => `    ${line.replace(/<(\d+)>/g, (_, word) => WORDS[word])}`).join('\n');
}

/** Why the outcome is wrong. Undefined if it is right. */
function wrong({ breaks }, { violated, unfinished }) {
  if (unfinished !== undefined) return `not checked: ${unfinished}`;
  if (breaks === undefined) return violated === undefined ? undefined : `breaks ${violated}`;
  if (violated === undefined) return 'not caught';
  return breaks.some((property) => violated.includes(property)) ? undefined : `breaks ${violated} instead`;
}

function describe(each, outcome) {
  const { states, seconds, violated, coverage } = outcome;
  const how = coverage === undefined ? 'all' : `bit-state hashing, hash factor ${coverage}, of`;
  const found = each.breaks === undefined ? how : `caught by ${/\w+/.exec(violated ?? '')?.[0]} after`;
  return `${found} ${Math.round(states).toLocaleString('en')} states, ${seconds.toFixed(1)} s`;
}

async function main(args) {
  const large = args.includes('--large');
  const names = args.filter((arg) => !arg.startsWith('--'));
  const known = [...PROTOCOL, ...LARGE, ...MUTANTS];
  const unknown = names.filter((name) => !known.some((each) => each.name === name));
  if (unknown.length > 0) {
    console.error(
      `No such check: ${unknown.join(', ')}. There are: ${known.map(({ name }) => name).join(', ')}`,
    );
    return 1;
  }
  const usual = large ? LARGE : [...PROTOCOL, ...MUTANTS];
  const checks = names.length > 0 ? known.filter(({ name }) => names.includes(name)) : usual;
  const big = checks.some((each) => LARGE.includes(each));
  const waiting = [...checks];
  const witnessed = new Set();
  let bad = 0;
  const worker = async () => {
    for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) {
      const outcome = await check(each, {
        memory: big ? MEMORY.large : MEMORY.usual,
        trace: names.length > 0,
      });
      const why = wrong(each, outcome);
      if (why !== undefined) bad += 1;
      const told =
        why === undefined ? describe(each, outcome) : `${why} (its trace: npm run model -- ${each.name})`;
      console.log(`${why === undefined ? 'ok  ' : 'FAIL'} ${each.says}: ${told}`);
      if (outcome.trace !== undefined) console.log(outcome.trace);
      if (each.breaks === undefined) for (const witness of outcome.witnesses) witnessed.add(witness);
    }
  };
  await Promise.all(big ? [worker()] : [worker(), worker()]);
  if (names.length === 0) {
    const missed = Object.keys(WITNESSES).filter((number) => !witnessed.has(number));
    if (missed.length > 0) bad += 1;
    const told = missed.map((number) => WITNESSES[number]).join('; ');
    console.log(missed.length > 0 ? `FAIL never met: ${told}` : `ok   met: all ${witnessed.size} situations`);
  }
  console.log(bad > 0 ? `${bad} came out wrong` : 'all came out right');
  return bad > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
