// Two builds side by side: each measure of each scenario, the ratio, and whether it tells them apart.
import { NOT_TOLD_APART, verdictOf } from './stats.mjs';
import { count, markdownTable, ms } from './table.mjs';

const tenths = (value) => value.toFixed(1);
const hundredths = (value) => value.toFixed(2);

const MEASURES = {
  perSecond: ['holds/s', count],
  clientCpu: ['client CPU µs', tenths],
  serverCpu: ['server CPU µs', tenths],
  handOff: ['hand-off p50 ms', ms],
  time: ['time', hundredths],
  cpu: ['CPU µs', hundredths],
  create: ['create() ms', hundredths],
};

const HEADINGS = [
  '',
  'row',
  'measure',
  'this build',
  'other build',
  'this/other',
  '±',
  'least–most',
  'verdict',
];

/** @param scenarios as they stand in a run's JSON, by name. @returns undefined where no row has another build */
export function buildTable(scenarios) {
  const rows = Object.entries(scenarios).flatMap(([name, { rows: all }]) =>
    all.flatMap((row) =>
      Object.entries(row.toOther ?? {}).map(([measure, compared]) => cells(name, row, measure, compared)),
    ),
  );
  return rows.length === 0 ? undefined : markdownTable(HEADINGS, rows);
}

function cells(scenario, row, measure, { own, other, ratio }) {
  const [heading, show] = MEASURES[measure];
  const { value, low, high, min, max } = ratio;
  const told = Number.isFinite(low) && Number.isFinite(high);
  return [
    scenario,
    row.name,
    heading,
    show(own),
    show(other),
    value.toFixed(3),
    told ? ((high - low) / 2).toFixed(3) : '–',
    `${min.toFixed(2)}–${max.toFixed(2)}`,
    verdictText(ratio),
  ];
}

export function verdictText(ratio) {
  const verdict = verdictOf(ratio);
  if (verdict === undefined) return 'one process: no verdict';
  if (verdict === NOT_TOLD_APART) return verdict;
  const percent = `${(Math.abs(ratio.value - 1) * 100).toFixed(1)} %`;
  return `this build: ${percent} ${ratio.value > 1 ? 'more' : 'less'}${ratio.sure ? '' : ', perhaps'}`;
}
