// The picture of a run: of each scenario, the throughput of each library and its longest wait.
import { OURS, isOurs, peersOf, rowOf, singlesOf } from './run-file.mjs';
import { count, ms } from './table.mjs';

/** Colours that stand out from white and from black alike; a bar's name and figure stand beside it. */
const COLOURS = { text: '#767c85', grid: '#8b949e', ours: '#2f81f7', peer: '#b08800', none: '#8b949e' };
/** In px. */
const WIDTH = 900;
const MARGIN = 16;
const NAMES = 170;
const FIGURES = 62;
const GAP = 24;
const ROW = 17;
const BAR = 11;
const HEAD = 96;
/** What a scenario is, beside its name. */
const TITLE = 90;
const PANEL_HEAD = 26;
const PANEL_FOOT = 18;

const CHART = (WIDTH - 2 * MARGIN - NAMES - 2 * FIGURES - GAP) / 2;
const LEFT = MARGIN + NAMES;
const RIGHT = LEFT + CHART + FIGURES + GAP;

/** @param names the scenarios that are drawn (by default, all of the run) */
export function drawRun(run, names) {
  const drawn = singlesOf(run).filter(
    ([name, { rows, table }]) =>
      (names?.includes(name) ?? true) &&
      table !== 'alone' &&
      rows.every(({ perSecond, wait }) => perSecond !== undefined && wait !== undefined),
  );
  const panels = drawn.map(([name, { title, rows }]) => ({
    name,
    title,
    rows: rows.filter(({ variant }) => !variant),
  }));
  if (panels.length === 0) throw new Error('The run has no scenario that could be drawn.');
  const scale = waitScale(panels.flatMap(({ rows }) => rows.map((row) => row.wait.max)));
  let y = HEAD;
  const parts = [];
  for (const panel of panels) {
    parts.push(drawPanel(panel, y, scale));
    y += PANEL_HEAD + panel.rows.length * ROW + PANEL_FOOT;
  }
  const { machine } = run;
  const title = `nestjs-locked and other lock libraries on ${machine.server}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="12" fill="${COLOURS.text}">`,
    `<title id="title">${escape(title)}</title>`,
    `<desc id="desc">${escape(describeRun(run, panels))}</desc>`,
    text(MARGIN, 24, title, 'font-size="16" font-weight="600"'),
    text(
      MARGIN,
      44,
      `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.date.slice(0, 10)}`,
    ),
    text(LEFT, 68, 'holds/s', 'font-weight="600"'),
    text(LEFT, 84, 'longer is better; linear, to the fastest lock of the scenario', 'font-size="11"'),
    text(RIGHT, 68, 'longest wait, ms', 'font-weight="600"'),
    text(RIGHT, 84, 'shorter is better; logarithmic', 'font-size="11"'),
    ...parts,
    '</svg>',
  ].join('\n')}\n`;
}

function drawPanel({ name, title, rows }, top, scale) {
  // A message without a lock may be faster than any: its bar ends at the edge, its figure tells.
  const most = Math.max(...rows.filter((row) => kindOf(row) !== 'limit').map((row) => row.perSecond));
  const first = top + PANEL_HEAD;
  const bottom = first + rows.length * ROW;
  const grid = scale.marks.flatMap(({ at, label }) => {
    const x = RIGHT + at * CHART;
    return [
      `<path d="M${px(x)} ${first - 2}V${bottom}" stroke="${COLOURS.grid}" stroke-opacity="0.35"/>`,
      text(x, first - 6, label, 'text-anchor="middle" font-size="10"'),
    ];
  });
  const bars = rows.flatMap((row, i) => {
    const y = first + i * ROW;
    const kind = kindOf(row);
    const weight = kind === 'ours' ? 'font-weight="600"' : '';
    return [
      text(LEFT - 8, y + BAR, row.name, `text-anchor="end" ${weight}`),
      bar(LEFT, y, Math.min(1, row.perSecond / most) * CHART, kind),
      text(
        LEFT + Math.min(1, row.perSecond / most) * CHART + 5,
        y + BAR - 1,
        count(row.perSecond),
        `font-size="11" ${weight}`,
      ),
      bar(RIGHT, y, scale.at(row.wait.max) * CHART, kind),
      text(
        RIGHT + scale.at(row.wait.max) * CHART + 5,
        y + BAR - 1,
        ms(row.wait.max),
        `font-size="11" ${weight}`,
      ),
    ];
  });
  return [
    text(MARGIN, top + 14, name, 'font-size="13" font-weight="600"'),
    text(MARGIN + TITLE, top + 14, title),
    ...grid,
    ...bars,
  ].join('\n');
}

function bar(x, y, length, kind) {
  const colour = kind === 'ours' ? COLOURS.ours : kind === 'peer' ? COLOURS.peer : COLOURS.none;
  // What is no lock library is hollow.
  const paint =
    kind === 'ours' || kind === 'peer'
      ? `fill="${colour}"`
      : `fill="none" stroke="${colour}" stroke-width="1.2"`;
  return `<rect x="${px(x)}" y="${y}" width="${px(Math.max(1, length))}" height="${BAR}" rx="1.5" ${paint}/>`;
}

function kindOf({ name }) {
  if (isOurs(name)) return 'ours';
  if (name === 'bare publish') return 'limit';
  return name === 'raw' ? 'floor' : 'peer';
}

/** Whole tenfolds around all waits: one scale for all scenarios, so that they can be compared. */
function waitScale(waits) {
  const low = Math.floor(Math.log10(Math.max(1e-3, Math.min(...waits))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...waits))));
  return {
    at: (wait) => Math.max(0, Math.log10(wait) - low) / (high - low),
    marks: Array.from({ length: high - low + 1 }, (_, i) => ({
      at: i / (high - low),
      label: (10 ** (low + i)).toLocaleString('en-US'),
    })),
  };
}

/** The same in words, for a reader that cannot see it. */
function describeRun(run, panels) {
  const sentences = panels.flatMap(({ name, title }) => {
    const own = rowOf(run, name, OURS);
    const peers = peersOf(run, name).filter(({ variant }) => !variant);
    if (own === undefined) return [];
    const figures = ({ perSecond, wait }) =>
      `${count(perSecond)} holds a second, longest wait ${ms(wait.max)} ms`;
    const others = peers.map((row) => `${row.name}: ${figures(row)}`);
    return `${name} (${title}): ${[`${OURS}: ${figures(own)}`, ...others].join('; ')}.`;
  });
  return `Two bars for each library and scenario: holds a second, and the longest wait. ${sentences.join(' ')}`;
}

function text(x, y, content, attributes = '') {
  return `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escape(content)}</text>`.replace(' >', '>');
}

const px = (value) => Number(value.toFixed(1));

function escape(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
