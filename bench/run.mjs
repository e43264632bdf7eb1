// Runs the scenarios on every adapter, round by round in turn, and prints a table of each.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { adapters, adaptersFor } from './adapters/index.mjs';
import { versionOf } from './adapters/clients.mjs';
import { choices, scenarios, scenariosNamed } from './scenarios/index.mjs';
import { describeMachine, loadNow } from './support/machine.mjs';
import { measure } from './support/measure.mjs';
import { measureApplications } from './overhead/measure.mjs';
import { startServer } from './support/server.mjs';
import { sum } from './support/stats.mjs';
import { howMeasured, seriesTable, tableOf } from './support/tables.mjs';
import { timesOf } from './support/times.mjs';

const HELP = `node run.mjs [options]
  --scenario a,b     of: ${choices.join(', ')} (default: all)
  --only a,b         rows whose name contains one of these; the rows that ratios need are added
  --quick            one short round of each library in one mode: to see that all works
  --rounds N         rounds of each row                    (default: by scenario, 3 to 7)
  --seconds S        length of a round                     (default: by scenario, 0.4 to 2)
  --warmup S         before the first                      (default: by scenario, 0.8 to 2)
  --json FILE        every round's figures too, for report.mjs and picture.mjs
  --unpinned         leave it to the scheduler which cores the server and the callers run on
  LOCK_TEST_SERVER   the server's binary (default: redis-server or valkey-server on PATH)
  LOCK_BENCH_DIST    the build of nestjs-locked (default: ../dist)`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    warmup: { type: 'string' },
    json: { type: 'string' },
    unpinned: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
const rows = selectRows(values.only).filter((row) => !(values.quick && row.variant));
const asked = values.scenario === undefined ? scenarios : values.scenario.split(',').flatMap(scenariosNamed);
const chosen = asked.filter((each) => each.application || adaptersFor(each, rows).length > 0);
const wanted = { rounds: positive('rounds'), seconds: positive('seconds'), warmup: positive('warmup') };

const server = await startServer();
const started = performance.now();
let report;
try {
  const machine = await describeMachine(server);
  report = { machine, versions: versions(), scenarios: {} };
  console.log(header(report));
  for (const [i, scenario] of chosen.entries()) {
    const times = timesOf(scenario, values.quick, wanted);
    const how = { rows, server, pinned: !values.unpinned, times };
    const results = await (scenario.application ? measureApplications : measure)(scenario, how);
    const { name, title, series, table, than } = scenario;
    report.scenarios[name] = { title, series, table, than, ...times, ...results };
    if (series === undefined) {
      const shown = report.scenarios[name];
      console.log(`\n### ${name}: ${title}\n\n${howMeasured([shown])}\n\n${tableOf(shown)}`);
    } else if (chosen[i + 1]?.series?.name !== series.name) {
      console.log(`\n### ${series.name}: ${series.title}\n\n${seriesText(series)}`);
    }
  }
  report.loadAfter = loadNow();
  report.minutes = (performance.now() - started) / 60_000;
  const took = `${report.minutes.toFixed(1)} minutes`;
  console.log(`\nTook ${took}. Load average before ${machine.load}, after ${report.loadAfter}.`);
} finally {
  await server.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
const overlaps = sum(
  Object.values(report.scenarios).flatMap(({ rows: all }) => all.map((row) => row.overlaps ?? 0)),
);
if (overlaps > 0) {
  console.error(`${overlaps} sections overlapped: see the table.`);
  process.exitCode = 1;
}

function seriesText({ name, unit }) {
  const lines = Object.values(report.scenarios).filter((each) => each.series?.name === name);
  const table = seriesTable(
    unit,
    lines.map((each) => ({ size: each.series.size, rows: each.rows })),
  );
  return `${howMeasured(lines)}\n\n${table}`;
}

function header({ machine, versions: installed }) {
  const libraries = Object.entries(installed).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.date}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`,
    `Node ${machine.node}, ${machine.server}, ${libraries.join(', ')}`,
    `rounds in turn; medians; load average ${machine.load}`,
  ].join('\n');
}

function versions() {
  const own = rows.filter((row) => !row.version.startsWith('ioredis '));
  return {
    ioredis: versionOf('ioredis'),
    ...Object.fromEntries(own.map((row) => [row.name.split(',')[0], row.version])),
  };
}

function selectRows(only) {
  if (only === undefined) return adapters;
  const parts = only.split(',');
  const picked = adapters.filter((adapter) => parts.some((part) => adapter.name.includes(part)));
  if (picked.length === 0)
    throw new Error(`--only ${only} picks none of: ${adapters.map((each) => each.name).join('; ')}`);
  const bases = new Set(['raw', 'bare publish', ...picked.map((adapter) => adapter.base)]);
  return adapters.filter((adapter) => picked.includes(adapter) || bases.has(adapter.name));
}

function positive(option) {
  if (values[option] === undefined) return undefined;
  const value = Number(values[option]);
  if (!(value > 0)) throw new Error(`--${option} must be a number above 0, not ${values[option]}.\n${HELP}`);
  return option === 'rounds' ? Math.ceil(value) : value;
}
