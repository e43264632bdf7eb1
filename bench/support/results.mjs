// The page of one run: a table for each scenario, and one for each series of costs.
import { seriesOf, singlesOf, slugOf } from './run-file.mjs';
import { howMeasured, seriesTable, tableOf } from './tables.mjs';

export function pageOf(run) {
  const { machine, versions } = run;
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const singles = singlesOf(run).map(([name, scenario]) =>
    part(name, scenario.title, [scenario], tableOf(scenario)),
  );
  const series = seriesOf(run).map(({ name, title, unit, sizes }) =>
    part(name, title, sizes, seriesTable(unit, sizes)),
  );
  return `${[
    `# ${machine.server}`,
    `[How to read the tables](../README.md#columns)`,
    `${machine.date.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; Node ${machine.node}, ${libraries.join(', ')}. ` +
      `Load average ${machine.load} before, ${run.loadAfter} after ${run.minutes.toFixed(1)} minutes.`,
    `![Throughput and longest waits on ${machine.server}; the tables below have the figures](${slugOf(run)}.svg)`,
    ...singles,
    ...series,
  ].join('\n\n')}\n`;
}

function part(name, title, scenarios, table) {
  return `## ${name}: ${title}

${howMeasured(scenarios)}

${table}`;
}
