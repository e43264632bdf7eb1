// Which cores the server and the callers run on. Left to the scheduler, a server and its one caller share a core for seconds,
// and then do not. A round trip takes 20 µs or 65 µs accordingly (measured), whatever is being compared.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Several processes on one core would wait for each other's work, and a loaded one would slow the others down. */
const FEWEST_FOR_ACROSS = 4;

/** @param across are there several calling processes? `pin(pid, role)` puts one in its place; `text` says which that is */
export function placement(wanted, across = false) {
  const cores = availableParallelism();
  const free = { pin: () => undefined, text: 'cores left to the scheduler' };
  if (!wanted || cores < (across ? FEWEST_FOR_ACROSS : 2) || !hasTaskset()) return free;
  const rest = cores === 2 ? '1' : `1-${cores - 1}`;
  const lists = { server: '0', caller: rest, anywhere: `0-${cores - 1}` };
  return {
    pin: (pid, role) =>
      void execFileSync('taskset', ['-a', '-c', '-p', lists[role], String(pid)], { stdio: 'ignore' }),
    text: `server on core 0, callers on ${rest}`,
  };
}

function hasTaskset() {
  try {
    execFileSync('taskset', ['-c', '-p', String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
