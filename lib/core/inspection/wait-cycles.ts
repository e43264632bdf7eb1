/** Deadlocks across processes: a cycle of callers, each of which waits for a key that the next one holds. */
import type { LockCycle } from './lock-info.js';
import type { Answer, BlockedFacts } from './messages.js';
import type { Steps } from '../time/pieces.js';

interface BlockedCaller {
  readonly facts: BlockedFacts;
  readonly answer: Answer;
}

/** By key. */
type Holders = ReadonlyMap<string, readonly BlockedCaller[]>;

/** A cycle, and a text that is equal for the same cycle in another overview. */
export interface FoundCycle {
  readonly id: string;
  readonly cycle: LockCycle;
}

/** How many cycles are found. Callers that share keys may have very many. */
const MOST = 100;
/** The size of a step for each caller. */
const SIZE = 50;

/** Each cycle once. Of cycles that share callers, one is found at least. */
export function* cyclesOf(answers: readonly Answer[]): Steps<FoundCycle[]> {
  const holders = yield* holdersOf(answers);
  const found = new Map<string, FoundCycle>();
  const done = new Set<string>();
  for (const key of holders.keys()) yield* search(key, holders, done, found);
  return [...found.values()];
}

/** The callers that hold a key which another one wants. No other key can be in a cycle. */
function* holdersOf(answers: readonly Answer[]): Steps<Holders> {
  const wanted = new Set<string>();
  for (const { facts } of answers) {
    for (const { wants } of facts.blocked) wanted.add(wants);
    yield SIZE * facts.blocked.length;
  }
  const holders = new Map<string, BlockedCaller[]>();
  for (const answer of answers) {
    for (const facts of answer.facts.blocked) {
      for (const key of facts.holds) {
        if (!wanted.has(key)) continue;
        const known = holders.get(key);
        if (known === undefined) holders.set(key, [{ facts, answer }]);
        else known.push({ facts, answer });
      }
      yield SIZE * facts.holds.length;
    }
  }
  return holders;
}

/**
 * Depth first from key to key, without recursion: a chain may be as long as there are callers. Each key is searched once, so
 * that many callers of one key cost no more than their number.
 */
function* search(
  start: string,
  holders: Holders,
  done: Set<string>,
  found: Map<string, FoundCycle>,
): Steps<void> {
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
    yield SIZE;
    step.caller = step.next[step.at];
    step.at += 1;
    if (step.caller === undefined) {
      done.add(step.key);
      places.delete(step.key);
      path.pop();
      continue;
    }
    const { wants } = step.caller.facts;
    const begin = places.get(wants);
    if (begin === undefined) enter(wants);
    else if (found.size < MOST) {
      const cycle = path.slice(begin).flatMap(({ caller }) => caller ?? []);
      note(cycle, found);
      yield SIZE * cycle.length;
    }
  }
}

function note(callers: readonly BlockedCaller[], found: Map<string, FoundCycle>): void {
  const links = callers.map(({ facts: { holds, wants, label }, answer }) => ({
    owner: answer.facts.owner,
    holds,
    wants,
    label,
  }));
  // The session is part of the text, since callers of two processes may be equal otherwise.
  const id = callers
    .map(({ facts: { wants, holds }, answer }) => JSON.stringify([answer.from, wants, [...holds].sort()]))
    .sort()
    .join();
  found.set(id, { id, cycle: { links } });
}
