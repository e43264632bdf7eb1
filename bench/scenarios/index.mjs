// What the callers do. A scenario is
//   { name, title, processes, callers (of each process), keyOf(caller, n, process), slots, slotOf(caller) }
// where `n` is the caller's nth section ever; callers of one process and slot share a key, and overlaps are seen by it.
import hot from './hot.mjs';
import parallel from './parallel.mjs';
import sequential from './sequential.mjs';

export const scenarios = [sequential, parallel, hot];

export function scenarioNamed(name) {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) {
    throw new Error(`No scenario is named ${name}: ${scenarios.map((each) => each.name).join(', ')}.`);
  }
  return scenario;
}
