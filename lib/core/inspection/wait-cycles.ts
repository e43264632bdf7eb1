/** Deadlocks across processes: a cycle of callers, each of which waits for a key that the next one holds. */
import type { LockCycle } from './lock-info.js';
import type { BlockedFacts } from './messages.js';

export interface BlockedCaller extends BlockedFacts {
  readonly owner: string;
  /** The session of the caller. Callers of two processes may be equal otherwise. */
  readonly session: string;
}

/** A cycle, and a text that is equal for the same cycle in another overview. */
export interface FoundCycle {
  readonly id: string;
  readonly cycle: LockCycle;
}

/** How many cycles are found. Callers that share keys may have very many. */
const MOST = 100;

/** Each cycle once. Of cycles that share callers, one is found at least. */
export function cyclesOf(callers: readonly BlockedCaller[]): FoundCycle[] {
  const holders = new Map<string, BlockedCaller[]>();
  for (const caller of callers) {
    for (const key of caller.holds) {
      const known = holders.get(key);
      if (known === undefined) holders.set(key, [caller]);
      else known.push(caller);
    }
  }
  const found = new Map<string, FoundCycle>();
  const done = new Set<string>();
  for (const key of holders.keys()) search(key, holders, done, found);
  return [...found.values()];
}

/**
 * Depth first from key to key, without recursion: a chain may be as long as there are callers. Each key is searched once, so
 * that many callers of one key cost no more than their number.
 */
function search(
  start: string,
  holders: ReadonlyMap<string, readonly BlockedCaller[]>,
  done: Set<string>,
  found: Map<string, FoundCycle>,
): void {
  const path: {
    readonly key: string;
    readonly next: readonly BlockedCaller[];
    caller?: BlockedCaller;
    at: number;
  }[] = [];
  const places = new Map<string, number>();
  const enter = (key: string): void => {
    if (done.has(key)) return;
    places.set(key, path.length);
    path.push({ key, next: holders.get(key) ?? [], at: 0 });
  };
  enter(start);
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    step.caller = step.next[step.at];
    step.at += 1;
    if (step.caller === undefined) {
      done.add(step.key);
      places.delete(step.key);
      path.pop();
      continue;
    }
    const begin = places.get(step.caller.wants);
    if (begin === undefined) enter(step.caller.wants);
    else if (found.size < MOST)
      note(
        path.slice(begin).flatMap(({ caller }) => caller ?? []),
        found,
      );
  }
}

function note(callers: readonly BlockedCaller[], found: Map<string, FoundCycle>): void {
  const links = callers.map(({ owner, holds, wants, label }) => ({ owner, holds, wants, label }));
  const id = callers
    .map(({ session, wants, holds }) => JSON.stringify([session, wants, [...holds].sort()]))
    .sort()
    .join();
  found.set(id, { id, cycle: { links } });
}
