/** Joins what the store says of a key with what the processes say. */
import type { KeyState, KeyHolder, KeyWaiter } from '../contracts/inspection.contract.js';
import { holderId } from '../util/holder-id.js';
import { accessOf, ownerOf, sessionIdOf } from '../contracts/token.js';
import type { LockHolder, LockInfo, LockQueuePlace } from './lock-info.js';
import type { Answer, HoldFacts, WaitFacts } from './messages.js';

/** The owner of a value that no token of this package is. */
const FOREIGN = 'a foreign client';

/** By session. */
export type Answers = ReadonlyMap<string, Answer>;

export function lockInfoOf(key: string, state: KeyState, answers: Answers, at: Date): LockInfo | null {
  const tokens = [...state.holders, ...state.queue];
  if (tokens.length === 0) return null;
  const queue = state.queue.map((place) => placeOf(key, place, answers));
  queue.push(...placesBehindHolders(key, state, answers));
  return {
    key,
    kind: state.holders[0] === undefined ? kindOf(tokens[0].token) : kindOf(state.holders[0].token),
    at,
    holders: state.holders.map((holder) => holderOf(holder, answers, at)),
    queue,
    waiting: waitingOf(queue) + Math.max(0, state.queued - state.queue.length),
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
  return detailsOf(facts, { owner, remaining, more: others.length, at });
}

interface HolderContext {
  readonly owner: string;
  readonly remaining: number;
  /** How many other holds the lease has. */
  readonly more: number;
  readonly at: Date;
}

/** The fields are listed, as a copy by spreading takes several times as long. */
export function detailsOf(facts: HoldFacts, { owner, remaining, more, at }: HolderContext): LockHolder {
  return {
    id: facts.holder,
    owner,
    remaining,
    answered: true,
    held: facts.held,
    since: new Date(at.getTime() - facts.held),
    waited: facts.waited,
    fence: facts.fence,
    ttl: facts.ttl,
    renew: facts.renew,
    maxHold: facts.maxHold,
    limit: facts.limit,
    label: facts.label,
    template: facts.template,
    site: facts.site,
    trace: facts.trace,
    more: more > 0 ? more : undefined,
  };
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

/**
 * The callers of a process that holds the key have no request in the queue of the store while its lease admits them. If the
 * lease is released by force, they queue behind the other processes. So they stand behind these here.
 */
function placesBehindHolders(key: string, state: KeyState, answers: Answers): LockQueuePlace[] {
  const queued = new Set(state.queue.map(({ token }) => sessionIdOf(token)));
  const holding = new Set(state.holders.map(({ token }) => sessionIdOf(token)));
  // Behind the places that were read, there may be a place of any other session.
  const all = state.queued <= state.queue.length;
  const places: LockQueuePlace[] = [];
  for (const [sessionId, { facts }] of answers) {
    if (queued.has(sessionId) || !(all || holding.has(sessionId))) continue;
    const wait = facts.waits.find((each) => each.key === key);
    if (wait !== undefined) places.push(waitPlaceOf(facts.owner, wait));
  }
  return places.sort((a, b) => b.waited - a.waited);
}

/** The place of a process by its own answer. It has waited for as long as its longest waiting caller. */
export function waitPlaceOf(owner: string, wait: WaitFacts): LockQueuePlace {
  const { kind, limit, callers } = wait;
  const waited = callers.reduce((longest, caller) => Math.max(longest, caller.waited), 0);
  return { owner, kind, limit, waited, answered: true, ...callersOf(wait) };
}

function callersOf(facts: WaitFacts | undefined): Pick<LockQueuePlace, 'callers' | 'more'> {
  if (facts === undefined) return {};
  return facts.more > 0 ? { callers: facts.callers, more: facts.more } : { callers: facts.callers };
}

export function waitingOf(queue: readonly LockQueuePlace[]): number {
  return queue.reduce((sum, { callers, more = 0 }) => sum + (callers?.length ?? 1) + more, 0);
}
