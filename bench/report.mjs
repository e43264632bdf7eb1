// Fills docs/benchmarks.md and draws its pictures from the JSON of runs, one for each server; says which goals were reached.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawRun } from './support/picture.mjs';
import { glanceAt } from './support/glance.mjs';
import { fillRegion } from './support/regions.mjs';
import { readRun, seriesOf, singlesOf, slugOf } from './support/run-file.mjs';
import { markdownTable } from './support/table.mjs';
import { howMeasured, seriesTable, tableOf } from './support/tables.mjs';

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { docs: { type: 'string', default: fileURLToPath(new URL('../docs', import.meta.url)) } },
});
if (files.length === 0) {
  console.error(
    'node report.mjs [--docs FOLDER] RUN.json …   one for each server, in the order in which they are to be shown',
  );
  process.exit(2);
}
const PAGE = join(values.docs, 'benchmarks.md');

const runs = files.map(readRun);
const slugs = runs.map(slugOf);
if (new Set(slugs).size < slugs.length) throw new Error(`Two runs on one server: ${slugs.join(', ')}.`);
for (const [i, run] of runs.entries()) writeFileSync(join(values.docs, pictureOf(slugs[i])), drawRun(run));
let page = readFileSync(PAGE, 'utf8');
page = fillRegion(page, 'glance', glance());
page = fillRegion(page, 'runs', runs.map(section).join('\n\n'));
writeFileSync(PAGE, page);
console.log(goals());

function pictureOf(slug) {
  return `benchmarks-${slug}.svg`;
}

function glance() {
  const columns = runs.map(glanceAt);
  const rows = columns[0].map(({ what }, i) => [what, ...columns.map((figures) => figures[i].text)]);
  return markdownTable(['nestjs-locked', ...runs.map(({ machine }) => machine.server)], rows);
}

function section(run, i) {
  const { machine, versions } = run;
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const singles = singlesOf(run).map(([name, scenario]) =>
    part(name, scenario.title, [scenario], tableOf(scenario)),
  );
  const series = seriesOf(run).map(({ name, title, unit, lines }) =>
    part(name, title, lines, seriesTable(unit, lines)),
  );
  return [
    `## ${machine.server}`,
    `${machine.date.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; Node ${machine.node}, ${libraries.join(', ')}. ` +
      `Load average ${machine.load} before, ${run.loadAfter} after ${run.minutes.toFixed(1)} minutes.`,
    `![Throughput and longest waits on ${machine.server}; the tables below have the figures](${pictureOf(slugs[i])})`,
    ...singles,
    ...series,
  ].join('\n\n');
}

function part(name, title, scenarios, table) {
  return `### ${name}: ${title}

${howMeasured(scenarios)}

${table}`;
}

function goals() {
  const lines = runs.flatMap((run) => [
    `${run.machine.server}:`,
    ...glanceAt(run).map(({ what, text, goal, holds }) => {
      const verdict = holds === undefined ? '      ' : holds ? 'ok    ' : 'MISSED';
      return `  ${verdict} ${what}: ${text}${goal === undefined ? '' : ` (${goal})`}`;
    }),
  ]);
  return lines.join('\n');
}
