// The tables of a run: one for each scenario, one for each series of costs.
import { count, markdownTable, ms } from './table.mjs';

const ratio = (value) => (Number.isFinite(value) ? value.toFixed(value >= 10 ? 1 : 2) : '–');
const percent = (value) => (Number.isFinite(value) ? `${value.toFixed(0)} %` : '–');

/** A column is its heading and what a row's cell says. */
const SPEED = [
  ['sections/s', (row) => count(row.perSecond)],
  ['±', (row) => percent(row.spread * 100)],
  ['to raw', (row) => ratio(row.toRaw)],
];
const WAIT = [
  ['wait p50 ms', (row) => ms(row.wait.p50)],
  ['p99', (row) => ms(row.wait.p99)],
  ['max', (row) => ms(row.wait.max)],
];
const COSTS = [
  ['commands/section', (row) => row.commands.toFixed(2)],
  ['client CPU µs', (row) => row.clientCpu.toFixed(1)],
  ['server CPU µs', (row) => row.serverCpu.toFixed(1)],
];
const OVERLAPS = [['overlaps', (row) => row.overlaps]];
const HAND_OVER = [
  ['hand-over p50 ms', (row) => ms(row.handOver.p50)],
  ['p99', (row) => ms(row.handOver.p99)],
  ['max', (row) => ms(row.handOver.max)],
  ['p50 to bare', (row) => ratio(row.handOver.toTrip)],
];
const TURNS = [['turns taken', (row) => percent(row.alternation)]];
const SHARES = [
  ['shares %', (row) => row.shares.map((share) => share.toFixed(0)).join('/')],
  ['off by', (row) => row.unevenness.toFixed(1)],
];

const WITHIN = [...SPEED, ['to raw in its mode', (row) => ratio(row.toBase)], ...WAIT, ...COSTS, ...OVERLAPS];
const ACROSS = [...SPEED, ...WAIT, ...HAND_OVER, ...SHARES, ...TURNS, ...COSTS, ...OVERLAPS];

const signed = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
/** Of an application: what each of its rows takes, and beyond the first one. */
const figures = (of, unit) => [
  [`${of} ${unit}`, (row) => row.time.toFixed(2)],
  ['±', (row) => percent(row.spread * 100)],
  [`− base ${unit}`, (row) => signed(row.beyond)],
  ['to base', (row) => ratio(row.ratio)],
];
const CPU = [
  ['CPU µs', (row) => row.cpu.time.toFixed(2)],
  ['− base, CPU µs', (row) => signed(row.cpu.beyond)],
  ['CPU to base', (row) => ratio(row.cpu.ratio)],
];
const CALLS = [...figures('call', 'µs'), ...CPU];
const REQUESTS = [...figures('request', 'µs'), ...CPU];
const STARTS = [
  ...figures('start-up', 'ms'),
  ['create() ms', (row) => row.create.time.toFixed(2)],
  ['− base ms', (row) => signed(row.create.beyond)],
];

const NAME = ['', (row) => row.name];

/** Where several are in a section at a time, nothing is handed over, and no turns are taken. @param than what the base is */
const together = (than, rows) => [
  ...SPEED.slice(0, 2),
  [`to ${than}`, (row) => ratio(row.toBase)],
  ...WAIT,
  ...(rows[0].shares === undefined ? [] : SHARES),
  ...COSTS,
  ['overlaps beyond the limit', (row) => row.overlaps],
];

const TABLES = {
  together: ({ than, rows }) => table([NAME, ...together(than, rows)], rows),
  calls: ({ rows }) => table([NAME, ...CALLS], rows),
  requests: ({ rows }) => table([NAME, ...REQUESTS], rows),
  starts: ({ rows }) => table([NAME, ...STARTS], rows),
};

/** @param scenario as it stands in a run's JSON */
export function tableOf(scenario) {
  return TABLES[scenario.table]?.(scenario) ?? scenarioTable(scenario.rows);
}

export function scenarioTable(rows) {
  return table([NAME, ...(rows[0].shares === undefined ? WITHIN : ACROSS)], rows);
}

/** How long they were measured, and where: of one scenario, or of those of a series. */
export function howMeasured(scenarios) {
  const { rounds, lead, placement } = scenarios[0];
  const seconds = [...new Set(scenarios.map((each) => each.seconds))].filter((each) => each !== undefined);
  const each = seconds.length === 0 ? '' : ` of ${seconds.join(' or ')} s`;
  const before =
    lead === undefined ? '' : `, ${rounds === 1 ? '' : 'each '}after ${lead} s that do not count`;
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}${each}${before}; ${placement}`;
}

/** @param lines `{ size, rows }`, a group of rows for each size */
export function seriesTable(unit, lines) {
  const rows = lines.flatMap(({ size, rows: each }) => each.map((row) => ({ ...row, size })));
  const size = [unit, (row) => count(row.size)];
  const wide = [...SPEED.slice(0, 2), ...WAIT, ...COSTS, ...OVERLAPS];
  // Which of sixteen processes had how much is in the JSON.
  const far = [...SPEED.slice(0, 2), ...WAIT, ...HAND_OVER, SHARES[1], ...TURNS, ...COSTS, ...OVERLAPS];
  return table([NAME, size, ...(rows[0].shares === undefined ? wide : far)], sortedByName(rows));
}

/** All sizes of a row one below the other. */
function sortedByName(rows) {
  const names = [...new Set(rows.map((row) => row.name))];
  return names.flatMap((name) => rows.filter((row) => row.name === name));
}

function table(columns, rows) {
  return markdownTable(
    columns.map(([heading]) => heading),
    rows.map((row) => columns.map(([, cell]) => cell(row))),
  );
}
