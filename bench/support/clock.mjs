// A clock that all processes of a machine share, and pauses that last as long as they say.
import { setTimeout as sleep, setImmediate as nextCycle } from 'node:timers/promises';

/**
 * `performance.now()` counts from the process's own start. `hrtime`, which it reads, is the system's monotonic clock. Of many
 * readings the one that took least counts. A process that is preempted between two readings would be off by milliseconds, and
 * would seem to overlap with others.
 */
const OFFSET = (() => {
  let offset = NaN;
  let least = Infinity;
  for (let i = 0; i < 1_000; i += 1) {
    const before = performance.now();
    const system = Number(process.hrtime.bigint()) / 1e6;
    const took = performance.now() - before;
    if (took < least) {
      least = took;
      offset = system - before - took / 2;
    }
  }
  return offset;
})();

/** In ms, the same in every process of this machine. */
export const systemNow = () => performance.now() + OFFSET;

/** What this process's `performance.now()` reads at that time. */
export const toLocal = (system) => system - OFFSET;

/**
 * At least `ms`, and hardly more. A timer counts in whole milliseconds of the loop's clock. So one of 1 ms fires after 0.1 ms
 * when other events come in between. The rest is spent in cycles of the loop.
 */
export async function pause(ms) {
  const until = performance.now() + ms;
  await sleep(ms);
  while (performance.now() < until) await nextCycle();
}
