// What a run comes to: the ratios that the library is built for, each with its goal.
import { OURS, peersOf, rowOf } from './run-file.mjs';
import { known } from './stats.mjs';

const CALLERS = 4 * 8; // of `cross`, with holds of 1 ms

const ours = (run, scenario, name = OURS) => rowOf(run, scenario, name);
const best = (rows, of, choose) => {
  const values = known(rows.map(of));
  return values.length === 0 ? NaN : choose(...values);
};
const fastest = (run, scenario) => best(peersOf(run, scenario), (row) => row.perSecond, Math.max);
const shortest = (run, scenario) => best(peersOf(run, scenario), (row) => row.wait.max, Math.min);

const times = (value) => `${value.toFixed(value >= 10 ? 0 : 2)} ×`;
const plain = (value) => value.toFixed(2);
const percent = (value) => `${value.toFixed(1)} %`;
const atLeast = (least) => ({ text: `≥ ${least}`, holds: (value) => value >= least });
const atMost = (most) => ({ text: `≤ ${most}`, holds: (value) => value <= most });

/** `of(run)` may be NaN or undefined, where a run left the scenario out. */
const FIGURES = [
  {
    what: '`sequential`: throughput to raw',
    of: (run) => ours(run, 'sequential')?.toRaw?.value,
    show: times,
    goal: () => atLeast(0.93),
  },
  {
    what: '`sequential`: throughput to raw with a fence drawn',
    of: (run) => ours(run, 'sequential')?.perSecond / rowOf(run, 'sequential', 'raw, fenced')?.perSecond,
    show: times,
    goal: () => atLeast(1),
  },
  {
    what: '`parallel`: throughput to raw, one write a command',
    of: (run) => ours(run, 'parallel')?.toRaw?.value,
    show: times,
    goal: () => atLeast(2),
  },
  {
    what: '`parallel`: own client, to raw without auto-pipelining',
    of: (run) => ours(run, 'parallel', `${OURS}, own client`)?.toRaw?.value,
    show: times,
    goal: () => atLeast(1),
  },
  {
    what: '`sequential`: throughput to the best peer',
    of: (run) => ours(run, 'sequential')?.perSecond / fastest(run, 'sequential'),
    show: times,
    goal: () => atLeast(1),
  },
  {
    what: '`parallel`: throughput to the best peer',
    of: (run) => ours(run, 'parallel')?.perSecond / fastest(run, 'parallel'),
    show: times,
    goal: () => atLeast(1),
  },
  {
    what: '`hot`: throughput to the best peer',
    of: (run) => ours(run, 'hot')?.perSecond / fastest(run, 'hot'),
    show: times,
    goal: () => atLeast(50),
  },
  {
    what: '`hot`: the longest wait of the best peer, to ours',
    of: (run) => shortest(run, 'hot') / ours(run, 'hot')?.wait.max,
    show: times,
    goal: () => atLeast(100),
  },
  {
    what: '`cross`: throughput to the best peer',
    of: (run) => ours(run, 'cross')?.perSecond / fastest(run, 'cross'),
    show: times,
    goal: () => atLeast(1.05),
  },
  {
    what: '`cross`: the longest wait, to callers × hold',
    of: (run) => ours(run, 'cross')?.wait.max / CALLERS,
    show: times,
    goal: () => atMost(2),
  },
  {
    what: '`cross`: shares off by, in points',
    of: (run) => ours(run, 'cross')?.unevenness,
    show: plain,
    goal: () => atMost(3),
  },
  {
    what: '`cross`: commands a hold',
    of: (run) => ours(run, 'cross')?.commands,
    show: plain,
    goal: () => atMost(2),
  },
  {
    what: '`pingpong`: hand-off p50 to the bare trip',
    of: (run) => ours(run, 'pingpong')?.handOff.toTrip?.value,
    show: times,
    goal: () => atMost(1.8),
  },
  {
    what: '`pingpong`: alternation',
    of: (run) => ours(run, 'pingpong')?.alternation,
    show: percent,
    goal: () => atLeast(95),
  },
  {
    what: '`busy`: throughput to the best peer',
    of: (run) => ours(run, 'busy')?.perSecond / fastest(run, 'busy'),
    show: times,
  },
  {
    what: '`busy`: the longest wait of the best peer, to ours',
    of: (run) => shortest(run, 'busy') / ours(run, 'busy')?.wait.max,
    show: times,
  },
  {
    what: '`delay`: hand-off p50 to the bare trip',
    of: (run) => ours(run, 'delay')?.handOff.toTrip?.value,
    show: times,
  },
];

/** `{ what, value, text, goal?, holds? }` of each figure. */
export function glanceAt(run) {
  return FIGURES.map(({ what, of, show, goal }) => {
    const value = of(run);
    const measured = Number.isFinite(value);
    const wanted = goal?.(run);
    return {
      what,
      value,
      text: measured ? show(value) : '–',
      goal: wanted?.text,
      holds: measured ? wanted?.holds(value) : undefined,
    };
  });
}
