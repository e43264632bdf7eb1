// The tables of a run: one for each scenario, one for each series of costs.
import { NOT_TOLD_APART, verdictOf } from './stats.mjs';
import { count, markdownTable, ms } from './table.mjs';

const plain = (value) => (Number.isFinite(value) ? value.toFixed(value >= 10 ? 1 : 2) : '–');
const percent = (value) => (Number.isFinite(value) ? `${value.toFixed(0)} %` : '–');
const tenths = (value) => value.toFixed(1);

/** A ratio with half its interval, and whether that holds 1. */
export function ratioText(ratio) {
  if (!Number.isFinite(ratio?.value)) return '–';
  const { value, low, high } = ratio;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return plain(value);
  const text = `${plain(value)} ± ${plain((high - low) / 2)}`;
  // A row's ratio to itself needs no words.
  return value !== 1 && verdictOf(ratio) === NOT_TOLD_APART ? `${text}, ${NOT_TOLD_APART}` : text;
}

/** The median of the processes, and the least and the most of them. */
const spreadText = (show, value, each) => {
  if (each === undefined || each.length < 2) return show(value);
  return `${show(value)} (${show(Math.min(...each))}–${show(Math.max(...each))})`;
};
const figure = (heading, field, show) => [heading, (row) => spreadText(show, row[field], row.each[field])];

/** A column is its heading and what a row's cell says. */
const PER_SECOND = figure('holds/s (least–most)', 'perSecond', count);
const CLIENT_CPU = figure('client CPU µs', 'clientCpu', tenths);
const SERVER_CPU = figure('server CPU µs', 'serverCpu', tenths);
const SPEED = [PER_SECOND, ['to raw', (row) => ratioText(row.toRaw)]];
const WAIT = [
  ['wait p50 ms', (row) => ms(row.wait.p50)],
  ['p99', (row) => ms(row.wait.p99)],
  ['max', (row) => ms(row.wait.max)],
];
const COMMANDS = ['commands/hold', (row) => row.commands.toFixed(2)];
const COSTS = [COMMANDS, CLIENT_CPU, SERVER_CPU];
const OVERLAPS = [['overlaps', (row) => row.overlaps]];
const HAND_OFF = [
  ['hand-off p50 ms', (row) => ms(row.handOff.p50)],
  ['p99', (row) => ms(row.handOff.p99)],
  ['max', (row) => ms(row.handOff.max)],
  ['p50 to bare', (row) => ratioText(row.handOff.toTrip)],
];
const ALTERNATION = [['alternation', (row) => percent(row.alternation)]];
const SHARES = [
  ['shares %', (row) => row.shares.map((share) => share.toFixed(0)).join('/')],
  ['off by', (row) => row.unevenness.toFixed(1)],
];

const TO_BASE = ['to raw in its mode', (row) => ratioText(row.toBase)];
const WITHIN = [...SPEED, TO_BASE, ...WAIT, ...COSTS, ...OVERLAPS];
const ACROSS = [...SPEED, ...WAIT, ...HAND_OFF, ...SHARES, ...ALTERNATION, ...COSTS, ...OVERLAPS];
const ALONE = [CLIENT_CPU, PER_SECOND, COMMANDS, ...OVERLAPS];

const signed = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
/** Of an application: what each of its rows takes, and beyond the first one. */
const figures = (of, unit) => [
  [`${of} ${unit}`, ({ time }) => spreadText((value) => value.toFixed(2), time.value, time.each)],
  [`− base ${unit}`, (row) => signed(row.time.beyond)],
  ['to base', (row) => ratioText(row.time.ratio)],
];
const CPU = [
  ['CPU µs', ({ cpu }) => spreadText((value) => value.toFixed(2), cpu.value, cpu.each)],
  ['− base, CPU µs', (row) => signed(row.cpu.beyond)],
  ['CPU to base', (row) => ratioText(row.cpu.ratio)],
];
const CALLS = [...figures('call', 'µs'), ...CPU];
const REQUESTS = [...figures('request', 'µs'), ...CPU];
const STARTS = [
  ...figures('start-up', 'ms'),
  ['create() ms', (row) => row.create.value.toFixed(2)],
  ['− base ms', (row) => signed(row.create.beyond)],
];

const NAME = ['', (row) => (row.toOther === undefined ? row.name : `${row.name} (this build)`)];

/** Where several hold the lock at a time, nothing is handed off, and no process alternates. @param than what the base is */
const together = (than, rows) => [
  PER_SECOND,
  [`to ${than}`, (row) => ratioText(row.toBase)],
  ...WAIT,
  ...(rows[0].shares === undefined ? [] : SHARES),
  ...COSTS,
  ['overlaps beyond the limit', (row) => row.overlaps],
];

const TABLES = {
  together: ({ than, rows }) => table([NAME, ...together(than, rows)], rows),
  alone: ({ rows }) => table([NAME, ...ALONE], rows),
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
  const { processes, rounds, lead, placement } = scenarios[0];
  const seconds = [...new Set(scenarios.map((each) => each.seconds))].filter((each) => each !== undefined);
  const each = seconds.length === 0 ? '' : ` of ${seconds.join(' or ')} s`;
  const before =
    lead === undefined ? '' : `, ${rounds === 1 ? '' : 'each '}after ${lead} s that do not count`;
  const row = processes === 1 ? 'one process' : `${processes} processes`;
  return `${row} a row, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}${each} a process${before}; ${placement}`;
}

/** @param sizes `{ size, rows }`, a group of rows for each size */
export function seriesTable(unit, sizes) {
  const rows = sizes.flatMap(({ size, rows: each }) => each.map((row) => ({ ...row, size })));
  const size = [unit, (row) => count(row.size)];
  const wide = [PER_SECOND, ...WAIT, ...COSTS, ...OVERLAPS];
  // The share of each of sixteen processes is in the JSON.
  const far = [PER_SECOND, ...WAIT, ...HAND_OFF, SHARES[1], ...ALTERNATION, ...COSTS, ...OVERLAPS];
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
