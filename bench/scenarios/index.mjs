// What the callers do. A scenario is
//   { name, title, processes, callers (of each process), keyOf(caller, n, process), slots, slotOf(caller) }
// where `n` is the caller's nth section ever; callers of one process and slot share a key, and overlaps are seen by it.
//   times        { rounds, seconds, warmup }: how long it is measured
// And, where it applies,
//   section      how long one lasts, in ms (else it gives way once)
//   across       all processes share one key: each section is logged, and the logs are laid side by side
//   load         { process, share, chunk: [from, to] }: what keeps one of the processes busy, in ms
//   delay        in ms, each way between the clients and the server
//   warmers      so many callers of each process warm up (else all): what all of them start, libraries that poll take long to end
//   rows         the names of the adapters that take part (else all that can, and of variants only those in `also`)
//   series       { name, title, unit, size }: one line of a table of costs
//   kinds        which adapters take part, by their kind (else those of exclusive locks)
//   limit        of the semaphore
//   table        which table it is shown in (else that of locks), and for `together`, `than`: what its ratio is to
//   application  what is measured without any of that, by ../overhead/
import busy from './busy.mjs';
import costs from './costs.mjs';
import cross from './cross.mjs';
import delay from './delay.mjs';
import hot from './hot.mjs';
import overhead from './overhead.mjs';
import parallel from './parallel.mjs';
import permits from './permits.mjs';
import pingpong from './pingpong.mjs';
import readers from './readers.mjs';
import sequential from './sequential.mjs';

export const scenarios = [
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

/** What one may ask for: a scenario, or a series of them. */
export const choices = [...new Set(scenarios.map((each) => each.series?.name ?? each.name))];

export function scenarioNamed(name) {
  return scenariosNamed(name)[0];
}

/** A series by its name, or one scenario. */
export function scenariosNamed(name) {
  const found = scenarios.filter((each) => each.name === name || each.series?.name === name);
  if (found.length === 0) throw new Error(`No scenario is named ${name}: ${choices.join(', ')}.`);
  return found;
}
