// What the callers do. A scenario is
//   { name, title, processes, callers (of each process), keyOf(caller, n, process), slots, slotOf(caller) }
// where `n` counts the caller's holds. Callers of one process and slot share a key, and overlaps are seen by it.
//   times        { rounds, seconds, warmup, lead? }: how long each process of a row is measured
//   against      the differences from these where two builds are compared: short rounds, and more of them
// And, where it applies,
//   holdMs       how long one lasts, in ms (else it gives way once)
//   across       all processes share one key: each hold is logged, and the logs are laid side by side
//   load         { process, share, chunk: [from, to] }: what keeps one of the processes busy, in ms
//   delay        in ms, each way between the clients and the server
//   kernel       false: the clients get their replies from memory
//   warmers      so many callers of each process warm up (else all): with all of them, a library that polls ends late
//   rows         the names of the adapters that take part (else all that can, and of variants only those in `also`)
//   compared     the rows in place of `rows` where two builds are compared
//   series       { name, title, unit, size }: one row of a table of costs
//   group        a name for several scenarios
//   kinds        which adapters take part, by their kind (else those of exclusive locks)
//   limit        of the semaphore
//   table        which table it is shown in (else that of locks), and for `together`, `than`: what its ratio is to
//   application  what is measured without any of that, by ../overhead/
import busy from './busy.mjs';
import costs from './costs.mjs';
import cross from './cross.mjs';
import delay from './delay.mjs';
import hot from './hot.mjs';
import jsAlone from './js-alone.mjs';
import overhead from './overhead.mjs';
import parallel from './parallel.mjs';
import permits from './permits.mjs';
import pingpong from './pingpong.mjs';
import readers from './readers.mjs';
import sequential from './sequential.mjs';

export const scenarios = [
  ...jsAlone,
  sequential,
  parallel,
  hot,
  cross,
  pingpong,
  busy,
  delay,
  ...costs,
  ...readers,
  ...permits,
  ...overhead,
];

/** The names that a scenario can be chosen by: its own, or that of its series or group. */
const namesOf = ({ name, series, group }) => [series?.name ?? name, ...(group === undefined ? [] : [group])];

/** What the command line may name. */
export const choices = [...new Set(scenarios.flatMap((each) => namesOf(each).reverse()))];

/** Of a run against another build, unless scenarios are named: about ten minutes. */
export const MAIN = ['js-alone', 'sequential', 'parallel', 'hot', 'cross', 'pingpong', 'readers', 'permits'];

export function scenarioNamed(name) {
  return scenariosNamed(name)[0];
}

/** A series or a group by its name, or one scenario. */
export function scenariosNamed(name) {
  const found = scenarios.filter((each) => each.name === name || namesOf(each).includes(name));
  if (found.length === 0) throw new Error(`No scenario is named ${name}: ${choices.join(', ')}.`);
  return found;
}
