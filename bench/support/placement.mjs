// Which cores the server and the callers run on. Left to the scheduler, a server and its one caller now share a core and
// now do not, for seconds at a time; a round trip then takes 20 µs or 65 µs (measured), whatever is being compared.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** `pin(pid, role)` puts a process in its place; `text` says which that is. */
export function placement(wanted) {
  const cores = availableParallelism();
  const free = { pin: () => undefined, text: 'cores left to the scheduler' };
  if (!wanted || cores < 2 || !hasTaskset()) return free;
  const rest = cores === 2 ? '1' : `1-${cores - 1}`;
  const lists = { server: '0', caller: rest };
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
