// Fills docs/benchmarks.md, and writes the tables and the picture of each run to results/. One run for each server. Draws
// the picture of the README from the first run. Says which goals were reached.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawRun } from './support/picture.mjs';
import { glanceAt } from './support/glance.mjs';
import { fillRegion } from './support/regions.mjs';
import { pageOf } from './support/results.mjs';
import { readRun, slugOf } from './support/run-file.mjs';
import { markdownTable } from './support/table.mjs';

const HELP = `node report.mjs [options] RUN.json …   one for each server, in the order in which they are to be shown
  --docs FOLDER      whose benchmarks.md gets the ratios, and whose speed.svg is the README's picture (default: ../docs)
  --results FOLDER   for the tables and the pictures       (default: results)`;

const pathTo = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    docs: { type: 'string', default: pathTo('../docs') },
    results: { type: 'string', default: pathTo('results') },
  },
});
if (files.length === 0) {
  console.error(HELP);
  process.exit(2);
}
/** What the picture of the README shows: a free key, callers of one process on one key, and callers of several processes. */
const SHOWN = ['sequential', 'hot', 'cross'];
const PAGE = join(values.docs, 'benchmarks.md');

const runs = files.map(readRun);
const compared = files.filter((_, i) => runs[i].builds !== undefined);
if (compared.length > 0)
  throw new Error(`${compared} compares two builds: a report needs a run of all libraries.`);
const slugs = runs.map(slugOf);
if (new Set(slugs).size < slugs.length) throw new Error(`Two runs on one server: ${slugs.join(', ')}.`);
mkdirSync(values.results, { recursive: true });
for (const [i, run] of runs.entries()) {
  writeFileSync(join(values.results, `${slugs[i]}.svg`), drawRun(run));
  writeFileSync(join(values.results, `${slugs[i]}.md`), pageOf(run));
}
writeFileSync(join(values.docs, 'speed.svg'), drawRun(runs[0], SHOWN));
let page = readFileSync(PAGE, 'utf8');
page = fillRegion(page, 'glance', glance());
page = fillRegion(page, 'results', runs.map(link).join('\n'));
writeFileSync(PAGE, page);
console.log(goals());

function glance() {
  const columns = runs.map(glanceAt);
  const rows = columns[0].map(({ what }, i) => [what, ...columns.map((figures) => figures[i].text)]);
  return markdownTable(['nestjs-locked', ...runs.map(({ machine }) => machine.server)], rows);
}

function link({ machine }, i) {
  return `- [${machine.server}](../bench/results/${slugs[i]}.md)`;
}

function goals() {
  const texts = runs.flatMap((run) => [
    `${run.machine.server}:`,
    ...glanceAt(run).map(({ what, text, goal, holds }) => {
      const verdict = holds === undefined ? '      ' : holds ? 'ok    ' : 'MISSED';
      return `  ${verdict} ${what}: ${text}${goal === undefined ? '' : ` (${goal})`}`;
    }),
  ]);
  return texts.join('\n');
}
