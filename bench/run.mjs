// Runs the scenarios on every adapter, round by round, and prints a table of each.
import { writeFileSync } from 'node:fs';
import { adaptersFor, withOtherBuild } from './adapters/index.mjs';
import { versionOf } from './adapters/clients.mjs';
import { HELP, UsageError, readArguments } from './support/arguments.mjs';
import { buildTable } from './support/build-table.mjs';
import { copyBuild } from './support/builds.mjs';
import { describeMachine, loadNow } from './support/machine.mjs';
import { measure } from './support/measure.mjs';
import { folder } from './support/ours.mjs';
import { measureApplications, withOtherRows } from './overhead/measure.mjs';
import { minutesOf } from './support/plan.mjs';
import { startServer } from './support/server.mjs';
import { sum } from './support/stats.mjs';
import { howMeasured, seriesTable, tableOf } from './support/tables.mjs';
import { timesOf } from './support/times.mjs';

// An interrupted run removes its copies and its server too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
try {
  const wanted = readArguments(process.argv.slice(2));
  if (wanted.help) console.log(HELP);
  else await run(wanted);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n--help lists the options.`);
  process.exitCode = 2;
}

async function run({ against, scenarios, rows: chosen, mode, wanted, json, pinned }) {
  const [own, other] = against === undefined ? [] : [copied(folder, 'dist'), copied(against, '--against')];
  const rows = other === undefined ? chosen : withOtherBuild(other, withEntry(own, chosen));
  const plans = scenarios.map((each) => {
    const scenario = other === undefined ? each : withOtherRows(comparedIn(each), own, other);
    const number = scenario.application ? scenario.rows.length : adaptersFor(scenario, rows).length;
    return { scenario, rows: number, times: timesOf(scenario, mode, wanted) };
  });
  const server = await startServer();
  const started = performance.now();
  let report;
  try {
    const machine = await describeMachine(server);
    report = { machine, versions: versions(rows), builds: digests(own, other), scenarios: {} };
    console.log(header(report, minutesOf(plans)));
    for (const [i, { scenario, times }] of plans.entries()) {
      const results = await (scenario.application ? measureApplications : measure)(scenario, {
        rows,
        server,
        pinned,
        times,
      });
      const { name, title, series, table, than } = scenario;
      report.scenarios[name] = { title, series, table, than, ...times, ...results };
      show(report, scenario, plans[i + 1]?.scenario);
    }
    report.loadAfter = loadNow();
    report.minutes = (performance.now() - started) / 60_000;
    const compared = buildTable(report.scenarios);
    if (compared !== undefined) console.log(`\n## This build and the other build\n\n${compared}`);
    const took = `${report.minutes.toFixed(1)} minutes`;
    console.log(`\nTook ${took}. Load average before ${machine.load}, after ${report.loadAfter}.`);
  } finally {
    await server.stop();
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  complain(report);
}

function copied(path, option) {
  try {
    const build = copyBuild(path, option);
    process.once('exit', build.remove);
    return build;
  } catch (error) {
    throw new UsageError(error.message, { cause: error });
  }
}

function comparedIn(scenario) {
  return scenario.compared === undefined ? scenario : { ...scenario, rows: scenario.compared };
}

function withEntry({ entry }, rows) {
  return rows.map((row) => (row.build === undefined ? row : { ...row, entry }));
}

function digests(own, other) {
  if (other === undefined) return undefined;
  return { this: own.digest, other: other.digest, same: own.digest === other.digest };
}

function show(report, { name, title, series }, next) {
  if (series === undefined) {
    const shown = report.scenarios[name];
    console.log(`\n### ${name}: ${title}\n\n${howMeasured([shown])}\n\n${tableOf(shown)}`);
    const compared = buildTable({ [name]: shown });
    if (compared !== undefined) console.log(`\n${compared}`);
  } else if (next?.series?.name !== series.name) {
    const all = Object.values(report.scenarios).filter((each) => each.series?.name === series.name);
    const table = seriesTable(
      series.unit,
      all.map((each) => ({ size: each.series.size, rows: each.rows })),
    );
    console.log(`\n### ${series.name}: ${series.title}\n\n${howMeasured(all)}\n\n${table}`);
  }
}

function header({ machine, versions: installed, builds: digest }, minutes) {
  const libraries = Object.entries(installed).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.date}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`,
    `Node ${machine.node}, ${machine.server}, ${libraries.join(', ')}`,
    ...(digest === undefined
      ? []
      : [`this build ${digest.this}, other build ${digest.other}${digest.same ? ': the same code' : ''}`]),
    `medians of processes; load average ${machine.load}; about ${Math.ceil(minutes)} minutes`,
  ].join('\n');
}

function versions(rows) {
  const own = rows.filter((row) => !row.version.startsWith('ioredis ') && row.build !== 'other');
  return {
    ioredis: versionOf('ioredis'),
    ...Object.fromEntries(own.map((row) => [row.name.split(',')[0], row.version])),
  };
}

function complain(report) {
  const all = Object.values(report.scenarios).flatMap(({ rows }) => rows);
  const overlaps = sum(all.map((row) => row.overlaps ?? 0));
  if (overlaps === 0) return;
  console.error(`${overlaps} holds overlapped: see the table.`);
  process.exitCode = 1;
}
