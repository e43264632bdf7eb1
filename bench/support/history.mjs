// What the logs of several processes say when they are laid side by side.
import { sum } from './stats.mjs';

/** Numbers of an entry: the time of the request, of the hold's beginning, and of `release`. In ms of the shared clock. */
export const ENTRY = 3;

/**
 * @param logs one Float64Array of entries for each process
 * @param to the round's end: later holds are of callers that were waiting, and count for overlaps alone
 * @param most how many holds may overlap
 */
export function compare(logs, to, most = 1) {
  const holds = logs
    .flatMap((log, process) =>
      Array.from({ length: log.length / ENTRY }, (_, i) => ({
        process,
        requested: log[i * ENTRY],
        began: log[i * ENTRY + 1],
        ended: log[i * ENTRY + 2],
      })),
    )
    .sort((a, b) => a.began - b.began);

  const handOffs = [];
  const counts = logs.map(() => 0);
  let overlaps = 0;
  let pairs = 0;
  let changes = 0;
  let running = [];
  let last;
  for (const hold of holds) {
    if (most < Infinity) {
      running = running.filter((ended) => ended > hold.began);
      if (running.length >= most) overlaps += 1;
      running.push(hold.ended);
    }
    if (hold.ended <= to) {
      counts[hold.process] += 1;
      if (last !== undefined) {
        pairs += 1;
        if (hold.process !== last.process) {
          changes += 1;
          // A later request is handed nothing: it finds the key free.
          if (hold.requested <= last.ended && hold.began >= last.ended) {
            handOffs.push(hold.began - last.ended);
          }
        }
      }
    }
    last = hold;
  }
  return {
    overlaps,
    handOffs,
    /** How many holds of a hundred were followed by one of another process. */
    alternation: pairs === 0 ? NaN : (changes / pairs) * 100,
    /** Percent of the holds by process. */
    shares: counts.map((each) => (each / sum(counts)) * 100),
  };
}
