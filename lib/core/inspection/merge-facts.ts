/** Joins what the store says of a key with what the processes say. */
import type { KeyState, KeyHolder, KeyWaiter } from '../contracts/inspection.contract.js';
import { accessOf, ownerOf, sessionIdOf } from '../contracts/token.js';
import type { LockHolder, LockInfo, LockQueuePlace } from './lock-info.js';
import { type Answer, type HoldFacts, holderId, type WaitFacts } from './messages.js';

/** The owner of a value that no token of this package is. */
const FOREIGN = 'a foreign client';

/** By session. */
export type Answers = ReadonlyMap<string, Answer>;

export function lockInfoOf(key: string, state: KeyState, answers: Answers, at: Date): LockInfo | null {
  const tokens = [...state.holders, ...state.queue];
  if (tokens.length === 0) return null;
  const queue = state.queue.map((place) => placeOf(key, place, answers));
  return {
    key,
    kind: state.holders[0] === undefined ? kindOf(tokens[0].token) : kindOf(state.holders[0].token),
    at,
    holders: state.holders.map((holder) => holderOf(holder, answers, at)),
    queue,
    waiting: waitingOf(queue) + Math.max(0, state.queued - queue.length),
  };
}

/** The sessions that hold the key or wait for it. Foreign values have none. */
export function sessionsOf({ holders, queue }: KeyState): string[] {
  const sessions = [...holders, ...queue].flatMap(({ token }) => sessionIdOf(token) ?? []);
  return [...new Set(sessions)];
}

function kindOf(token: string): LockInfo['kind'] {
  return accessOf(token)?.kind ?? 'foreign';
}

function holderOf({ token, remaining }: KeyHolder, answers: Answers, at: Date): LockHolder {
  const id = holderId(token);
  const answer = answers.get(sessionIdOf(token) ?? '');
  const [facts, ...others] = answer?.facts.holds.filter(({ holder }) => holder === id) ?? [];
  const owner = ownerOf(token) ?? FOREIGN;
  if (facts === undefined) return { id, owner, remaining, answered: answer !== undefined };
  return { ...detailsOf(facts, at), id, owner, remaining, ...(others.length > 0 && { more: others.length }) };
}

function detailsOf({ key: _key, kind: _kind, holder, ...facts }: HoldFacts, at: Date) {
  return { ...facts, id: holder, since: new Date(at.getTime() - facts.held), answered: true };
}

function placeOf(key: string, { token, waited }: KeyWaiter, answers: Answers): LockQueuePlace {
  const answer = answers.get(sessionIdOf(token) ?? '');
  const facts = answer?.facts.waits.find((each) => each.key === key);
  const { kind, limit } = accessOf(token) ?? { kind: 'exclusive' as const, limit: 1 };
  return {
    owner: ownerOf(token) ?? FOREIGN,
    kind,
    limit: kind === 'semaphore' ? limit : undefined,
    waited,
    answered: answer !== undefined,
    ...callersOf(facts),
  };
}

function callersOf(facts: WaitFacts | undefined): Pick<LockQueuePlace, 'callers' | 'more'> {
  if (facts === undefined) return {};
  return facts.more > 0 ? { callers: facts.callers, more: facts.more } : { callers: facts.callers };
}

function waitingOf(queue: readonly LockQueuePlace[]): number {
  return queue.reduce((sum, { callers, more = 0 }) => sum + (callers?.length ?? 1) + more, 0);
}

/** The locks of an overview, by the answers alone: the longest wait first, then the oldest hold. */
export function locksOf(answers: Answers, at: Date): LockInfo[] {
  const locks = new Map<string, { kind: LockInfo['kind']; holders: LockHolder[]; queue: LockQueuePlace[] }>();
  const lockOf = (key: string, kind: LockInfo['kind']) => {
    const known = locks.get(key) ?? { kind, holders: [], queue: [] };
    locks.set(key, known);
    return known;
  };
  for (const { facts } of answers.values()) {
    const readers = new Map<string, HoldFacts[]>();
    for (const hold of facts.holds) readers.set(hold.holder, [...(readers.get(hold.holder) ?? []), hold]);
    for (const [hold, ...others] of readers.values()) {
      const more = others.length > 0 && { more: others.length };
      lockOf(hold.key, hold.kind).holders.push({ ...detailsOf(hold, at), owner: facts.owner, ...more });
    }
    for (const wait of facts.waits) {
      const { kind, limit } = wait;
      const waited = Math.max(0, ...wait.callers.map((caller) => caller.waited));
      const place = { owner: facts.owner, kind, limit, waited, answered: true, ...callersOf(wait) };
      lockOf(wait.key, kind).queue.push(place);
    }
  }
  const longest = (each: { queue: readonly LockQueuePlace[] }) =>
    Math.max(-1, ...each.queue.map(({ waited }) => waited));
  const oldest = (each: { holders: readonly LockHolder[] }) =>
    Math.max(-1, ...each.holders.map(({ held = 0 }) => held));
  return [...locks]
    .map(([key, { kind, holders, queue }]) => {
      queue.sort((a, b) => b.waited - a.waited);
      return { key, kind, at, holders, queue, waiting: waitingOf(queue) };
    })
    .sort((a, b) => longest(b) - longest(a) || oldest(b) - oldest(a));
}
