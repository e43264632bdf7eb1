// Runs the scenarios on every adapter, round by round in turn so that drift hits all alike, and prints one table each.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { adapters } from './adapters/index.mjs';
import { versionOf } from './adapters/clients.mjs';
import { scenarioNamed, scenarios } from './scenarios/index.mjs';
import { describeMachine, loadNow } from './support/machine.mjs';
import { placement } from './support/placement.mjs';
import { startServer } from './support/server.mjs';
import { median, percentile, sorted, spread, sum } from './support/stats.mjs';
import { count, markdownTable, ms } from './support/table.mjs';
import { startWorkers } from './support/workers.mjs';

const HELP = `node run.mjs [options]
  --scenario a,b     of: ${scenarios.map((each) => each.name).join(', ')} (default: all)
  --only a,b         rows whose name contains one of these; the raw rows that ratios need are added
  --rounds N         rounds of each row (default 9)
  --seconds S        length of a round (default 1)
  --warmup S         before the first (default 2)
  --json FILE        every round's figures too
  --unpinned         leave it to the scheduler which cores the server and the callers run on
  LOCK_TEST_SERVER   the server's binary (default: redis-server or valkey-server on PATH)`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    warmup: { type: 'string', default: '2' },
    json: { type: 'string' },
    unpinned: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
const rounds = positive('rounds');
const lasting = positive('seconds') * 1000;
const warmup = positive('warmup') * 1000;
const chosen = values.scenario === undefined ? scenarios : values.scenario.split(',').map(scenarioNamed);
const rows = selectRows(values.only);

/** In ms. Nobody comes near either: the ttl is long against a section, the patience long against a round. */
const SETTINGS = { ttl: 30_000, patience: 120_000 };

const place = placement(!values.unpinned);
const server = await startServer();
let report;
try {
  place.pin(server.pid, 'server');
  const machine = await describeMachine(server);
  report = {
    machine,
    versions: versions(),
    rounds,
    seconds: lasting / 1000,
    placement: place.text,
    scenarios: {},
  };
  console.log(header(report));
  for (const scenario of chosen) {
    const results = await measure(scenario);
    report.scenarios[scenario.name] = results;
    console.log(`\n### ${scenario.name}: ${scenario.title}\n\n${toTable(results)}`);
  }
  report.loadAfter = loadNow();
  console.log(`\nLoad average before ${machine.load}, after ${report.loadAfter}.`);
} finally {
  await server.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
const overlaps = sum(
  Object.values(report.scenarios).flatMap((results) => results.map((row) => row.overlaps)),
);
if (overlaps > 0) {
  console.error(`${overlaps} sections overlapped: see the table.`);
  process.exitCode = 1;
}

async function measure(scenario) {
  await server.control.flushall();
  const teams = [];
  try {
    for (const adapter of rows) {
      const workers = await startWorkers(adapter, scenario, { port: server.port, ...SETTINGS }, place);
      teams.push({ adapter, workers, rounds: [] });
    }
    for (const team of teams) await team.workers.round(warmup);
    for (let round = 0; round < rounds; round += 1) {
      // Each round begins with another row, so that none always follows the same one.
      for (let i = 0; i < teams.length; i += 1) {
        const team = teams[(i + round) % teams.length];
        team.rounds.push(await oneRound(team.workers));
      }
    }
  } finally {
    await Promise.all(teams.map((team) => team.workers.stop()));
  }
  const speeds = new Map(
    teams.map((team) => [team.adapter.name, team.rounds.map((round) => round.perSecond)]),
  );
  return teams.map((team) => summary(team, speeds));
}

async function oneRound(workers) {
  const before = await serverCpu();
  const replies = await workers.round(lasting);
  const serverTime = (await serverCpu()) - before;
  const total = (field) => sum(replies.map((reply) => reply[field]));
  const all = total('allSections');
  return {
    perSecond: (total('sections') / lasting) * 1000,
    commands: total('commands') / all,
    clientCpu: total('cpu') / all,
    serverCpu: serverTime / all,
    overlaps: total('overlaps'),
    longest: Math.max(...replies.map((reply) => reply.longest)),
    waits: replies.flatMap((reply) => [reply.waits]),
  };
}

/** Of the thread that runs commands, in µs. */
async function serverCpu() {
  const info = await server.info('cpu');
  const seconds = ['user', 'sys'].map(
    (kind) => info[`used_cpu_${kind}_main_thread`] ?? info[`used_cpu_${kind}`],
  );
  return sum(seconds.map(Number)) * 1e6;
}

function summary({ adapter, rounds: done }, speeds) {
  const waits = sorted(flatten(done.flatMap((round) => round.waits)));
  const of = (field) => done.map((round) => round[field]);
  const ratioTo = (base) => {
    const theirs = speeds.get(base);
    // Round by round, then the median: neighbours in time are compared with each other.
    return theirs === undefined ? null : median(of('perSecond').map((mine, i) => mine / theirs[i]));
  };
  return {
    name: adapter.name,
    version: adapter.version,
    note: adapter.note,
    base: adapter.base,
    perSecond: median(of('perSecond')),
    spread: spread(of('perSecond')),
    toRaw: ratioTo('raw'),
    toBase: ratioTo(adapter.base),
    wait: { p50: percentile(waits, 50), p99: percentile(waits, 99), max: Math.max(...of('longest')) },
    commands: median(of('commands')),
    clientCpu: median(of('clientCpu')),
    serverCpu: median(of('serverCpu')),
    overlaps: sum(of('overlaps')),
    rounds: done.map(({ waits: _, ...figures }) => figures),
  };
}

function flatten(arrays) {
  const all = new Float64Array(sum(arrays.map((array) => array.length)));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

function toTable(results) {
  const ratio = (value) => (value === null ? '–' : value.toFixed(value >= 10 ? 1 : 2));
  return markdownTable(
    [
      '',
      'sections/s',
      '±',
      'to raw',
      'to raw in its mode',
      'wait p50 ms',
      'p99',
      'max',
      'commands/section',
      'client CPU µs',
      'server CPU µs',
      'overlaps',
    ],
    results.map((row) => [
      row.name,
      count(row.perSecond),
      `${(row.spread * 100).toFixed(0)} %`,
      ratio(row.toRaw),
      ratio(row.toBase),
      ms(row.wait.p50),
      ms(row.wait.p99),
      ms(row.wait.max),
      row.commands.toFixed(2),
      row.clientCpu.toFixed(1),
      row.serverCpu.toFixed(1),
      row.overlaps,
    ]),
  );
}

function header({ machine, versions: installed }) {
  const libraries = Object.entries(installed).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.date}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`,
    `Node ${machine.node}, ${machine.server}, ${libraries.join(', ')}`,
    `${rounds} rounds of ${lasting / 1000} s, in turn; medians; ${place.text}; load average ${machine.load}`,
  ].join('\n');
}

function versions() {
  return {
    ioredis: versionOf('ioredis'),
    ...Object.fromEntries(
      rows.filter((row) => !row.name.includes('raw')).map((row) => [row.name.split(',')[0], row.version]),
    ),
  };
}

function selectRows(only) {
  if (only === undefined) return adapters;
  const parts = only.split(',');
  const picked = adapters.filter((adapter) => parts.some((part) => adapter.name.includes(part)));
  if (picked.length === 0)
    throw new Error(`--only ${only} picks none of: ${adapters.map((each) => each.name).join('; ')}`);
  const bases = new Set(['raw', ...picked.map((adapter) => adapter.base)]);
  return adapters.filter((adapter) => picked.includes(adapter) || bases.has(adapter.name));
}

function positive(option) {
  const value = Number(values[option]);
  if (!(value > 0)) throw new Error(`--${option} must be a number above 0, not ${values[option]}.\n${HELP}`);
  return option === 'rounds' ? Math.ceil(value) : value;
}
