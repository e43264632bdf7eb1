/** Deadlocks across processes: a cycle of callers, each of which waits for a key that the next one holds. */
import type { LockCycle } from './lock-info.js';
import type { Answer, BlockedFacts } from './messages.js';
import type { Steps } from '../time/pieces.js';

/** A caller that waits while it holds a key that another caller wants. */
export interface BlockedCaller {
  readonly facts: BlockedFacts;
  readonly answer: Answer;
  /** Equal for the same wait in another overview. The session is part of it, as callers of two processes may be equal. */
  readonly id: string;
}

/** By node. */
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

/** The callers that may be in a cycle: another caller wants a key that they hold. */
export function* blockedCallers(answers: readonly Answer[]): Steps<BlockedCaller[]> {
  const wanted = new Set<string>();
  for (const { facts } of answers) {
    for (const { wants } of facts.blocked) wanted.add(wants);
    yield SIZE * facts.blocked.length;
  }
  const callers: BlockedCaller[] = [];
  for (const answer of answers) {
    for (const facts of answer.facts.blocked) {
      if (facts.holds.some((key) => wanted.has(key)))
        callers.push({ facts, answer, id: idOf(facts, answer) });
      yield SIZE * facts.holds.length;
    }
  }
  return callers;
}

function idOf({ wants, holds, number }: BlockedFacts, { from }: Answer): string {
  return JSON.stringify([from, wants, [...holds].sort(), number]);
}

/**
 * The keys for which a reader waits while another reader holds them. A reader waits for a reader only if a writer stands
 * between them in the queue. The writer may be in any process, so the store has to tell.
 */
export function sharedEdges(answers: Iterable<Answer>): Set<string> {
  const read = new Set<string>();
  const shared = new Set<string>();
  for (const { facts } of answers) {
    for (const each of facts.blocked) {
      if (each.reads === true) read.add(each.wants);
      for (const key of each.shared ?? []) shared.add(key);
    }
  }
  return new Set([...read].filter((key) => shared.has(key)));
}

/**
 * Each cycle once. Of cycles that share callers, one is found at least.
 * @param readersOnly the keys that no writer waits for. Their readers do not wait for each other.
 */
export function* cyclesOf(
  callers: readonly BlockedCaller[],
  readersOnly: ReadonlySet<string>,
): Steps<FoundCycle[]> {
  const nodeOf = ({ facts }: BlockedCaller): string =>
    `${facts.reads === true && readersOnly.has(facts.wants) ? WRITERS : HOLDERS}${facts.wants}`;
  const holders = yield* holdersOf(callers, nodeOf);
  const found = new Map<string, FoundCycle>();
  const done = new Set<string>();
  for (const node of holders.keys()) yield* search(node, { holders, nodeOf, done, found });
  return [...found.values()];
}

/** What a caller waits for: all holders of a key, or those of them that write. A node is such a mark with the key. */
const [HOLDERS, WRITERS] = ['h', 'w'];

/** The callers that hold a key which another one wants. No other key can be in a cycle. */
function* holdersOf(
  callers: readonly BlockedCaller[],
  nodeOf: (caller: BlockedCaller) => string,
): Steps<Holders> {
  const wanted = new Set(callers.map(nodeOf));
  const holders = new Map<string, BlockedCaller[]>();
  for (const caller of callers) {
    const { holds, shared } = caller.facts;
    for (const key of holds) {
      for (const mark of shared?.includes(key) === true ? [HOLDERS] : [HOLDERS, WRITERS]) {
        const node = mark + key;
        if (!wanted.has(node)) continue;
        const known = holders.get(node);
        if (known === undefined) holders.set(node, [caller]);
        else known.push(caller);
      }
    }
    yield SIZE * holds.length;
  }
  return holders;
}

interface Search {
  readonly holders: Holders;
  readonly nodeOf: (caller: BlockedCaller) => string;
  readonly done: Set<string>;
  readonly found: Map<string, FoundCycle>;
}

/**
 * Depth first from node to node, without recursion: a chain may be as long as there are callers. Each node is searched once,
 * so that many callers of one key cost no more than their number.
 */
function* search(start: string, { holders, nodeOf, done, found }: Search): Steps<void> {
  const path: {
    readonly node: string;
    readonly next: readonly BlockedCaller[];
    caller?: BlockedCaller;
    at: number;
  }[] = [];
  const places = new Map<string, number>();
  const enter = (node: string): void => {
    if (done.has(node)) return;
    places.set(node, path.length);
    path.push({ node, next: holders.get(node) ?? [], at: 0 });
  };
  enter(start);
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    yield SIZE;
    step.caller = step.next[step.at];
    step.at += 1;
    if (step.caller === undefined) {
      done.add(step.node);
      places.delete(step.node);
      path.pop();
      continue;
    }
    const wanted = nodeOf(step.caller);
    const begin = places.get(wanted);
    if (begin === undefined) enter(wanted);
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
  const id = callers
    .map((caller) => caller.id)
    .sort()
    .join();
  found.set(id, { id, cycle: { links } });
}
