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

/** Each cycle once. Of cycles that share callers, one is found at least. */
export function cyclesOf(callers: readonly BlockedCaller[]): FoundCycle[] {
  const holders = new Map<string, BlockedCaller[]>();
  for (const caller of callers) {
    for (const key of caller.holds) holders.set(key, [...(holders.get(key) ?? []), caller]);
  }
  const found = new Map<string, FoundCycle>();
  const done = new Set<BlockedCaller>();
  for (const start of callers) search(start, holders, done, found);
  return [...found.values()];
}

/** Depth first, without recursion: a chain may be as long as there are callers. */
function search(
  start: BlockedCaller,
  holders: ReadonlyMap<string, readonly BlockedCaller[]>,
  done: Set<BlockedCaller>,
  found: Map<string, FoundCycle>,
): void {
  const path: { caller: BlockedCaller; next: readonly BlockedCaller[]; at: number }[] = [];
  const enter = (caller: BlockedCaller): void => {
    path.push({ caller, next: holders.get(caller.wants) ?? [], at: 0 });
  };
  if (!done.has(start)) enter(start);
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const next = step.next[step.at];
    step.at += 1;
    if (next === undefined) {
      done.add(step.caller);
      path.pop();
      continue;
    }
    const begin = path.findIndex(({ caller }) => caller === next);
    if (begin >= 0) note(path.slice(begin), found);
    else if (!done.has(next)) enter(next);
  }
}

function note(path: readonly { caller: BlockedCaller }[], found: Map<string, FoundCycle>): void {
  const callers = path.map(({ caller }) => caller);
  const links = callers.map(({ owner, holds, wants, label }) => ({ owner, holds, wants, label }));
  const id = callers
    .map(({ session, wants, holds }) => JSON.stringify([session, wants, [...holds].sort()]))
    .sort()
    .join();
  found.set(id, { id, cycle: { links } });
}
