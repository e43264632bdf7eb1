// What the logs of several processes say when they are laid side by side.
import { sum } from './stats.mjs';

/** Numbers of an entry: when the caller asked, when its section began, when it called `release`. In ms of the shared clock. */
export const ENTRY = 3;

/**
 * @param logs one Float64Array of entries for each process
 * @param to the round's end: later sections were begun by who had waited, and count for overlaps alone
 * @param most how many sections may run at a time
 */
export function compare(logs, to, most = 1) {
  const sections = logs
    .flatMap((log, process) =>
      Array.from({ length: log.length / ENTRY }, (_, i) => ({
        process,
        asked: log[i * ENTRY],
        began: log[i * ENTRY + 1],
        ended: log[i * ENTRY + 2],
      })),
    )
    .sort((a, b) => a.began - b.began);

  const handOvers = [];
  const counts = logs.map(() => 0);
  let overlaps = 0;
  let pairs = 0;
  let changes = 0;
  let running = [];
  let last;
  for (const section of sections) {
    if (most < Infinity) {
      running = running.filter((ended) => ended > section.began);
      if (running.length >= most) overlaps += 1;
      running.push(section.ended);
    }
    if (section.ended <= to) {
      counts[section.process] += 1;
      if (last !== undefined) {
        pairs += 1;
        if (section.process !== last.process) {
          changes += 1;
          // Who asks later is not handed anything: it finds the key free.
          if (section.asked <= last.ended && section.began >= last.ended) {
            handOvers.push(section.began - last.ended);
          }
        }
      }
    }
    last = section;
  }
  return {
    overlaps,
    handOvers,
    /** How many sections of a hundred were followed by one of another process. */
    alternation: pairs === 0 ? NaN : (changes / pairs) * 100,
    /** Percent of the sections by process. */
    shares: counts.map((each) => (each / sum(counts)) * 100),
  };
}
