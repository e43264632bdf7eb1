/** Joins the digests of all processes. */
import type {
  LockCycle,
  LockHolder,
  LockInfo,
  LockOverview,
  LockQueuePlace,
  LockTrouble,
} from './lock-info.js';
import { detailsOf, waitingOf, waitPlaceOf } from './merge-facts.js';
import type { Answer, ProcessFacts } from './messages.js';
import type { Steps } from '../time/pieces.js';
import { blockedCallers, cyclesOf } from './wait-cycles.js';

export interface Digests {
  /** By session. */
  readonly answers: ReadonlyMap<string, Answer>;
  readonly silent: number;
  /** The keys with readers that wait, and without a writer that waits. */
  readonly readersOnly: ReadonlySet<string>;
}

/** The size of a step for each fact or lock that it treats. */
const SIZE = 200;

export interface JoinedDigests {
  readonly overview: LockOverview;
  /** The ids of the callers that wait while they hold keys. */
  readonly blocked: ReadonlySet<string>;
}

/**
 * @param before the callers that waited at an overview that had ended before this one began. Digests are of different
 * moments. If each caller of a cycle has waited since then, there was a moment at which all of them did.
 */
export function* overviewOf(
  { answers, silent, readersOnly }: Digests,
  before: ReadonlySet<string>,
  at: Date,
): Steps<JoinedDigests> {
  const all = [...answers.values()];
  // In an order that does not depend on the answers' arrival, so that two overviews find the same cycles.
  const blocked = yield* blockedCallers([...all].sort((a, b) => (a.from < b.from ? -1 : 1)));
  const waiting = blocked.filter(({ id }) => before.has(id));
  const found = yield* cyclesOf(waiting, readersOnly);
  const cycles: LockCycle[] = found.map(({ cycle }) => cycle);
  const locks = yield* locksOf(all, at);
  const troubles = yield* troublesOf(all, at);
  const more = all.reduce((sum, { facts }) => sum + (facts.moreKeys ?? 0), 0);
  const moreBlocked = all.reduce((sum, { facts }) => sum + (facts.moreBlocked ?? 0), 0);
  const left = { ...(more > 0 && { more }), ...(moreBlocked > 0 && { moreBlocked }) };
  const processes = all.map(({ facts: { owner, held, waiting } }) => ({ owner, held, waiting }));
  return {
    overview: { at, processes, locks, cycles, troubles, silent, ...left },
    blocked: new Set(blocked.map(({ id }) => id)),
  };
}

interface Lock {
  kind: LockInfo['kind'];
  readonly holders: LockHolder[];
  readonly queue: LockQueuePlace[];
  /** The age of the oldest hold and the age of the longest wait, in ms. Below 0 if there is none. */
  oldest: number;
  longest: number;
}

/** The locks, by the answers alone: the longest wait first, then the oldest hold. */
function* locksOf(answers: readonly Answer[], at: Date): Steps<LockInfo[]> {
  const locks = new Map<string, Lock>();
  for (const { facts } of answers) {
    addHolds(locks, facts, at);
    addWaits(locks, facts);
    yield SIZE * (facts.holds.length + facts.waits.length);
  }
  const ordered = [...locks].sort(([, a], [, b]) => b.longest - a.longest || b.oldest - a.oldest);
  const infos: LockInfo[] = [];
  for (const [key, { kind, holders, queue }] of ordered) {
    queue.sort((a, b) => b.waited - a.waited);
    infos.push({ key, kind, at, holders, queue, waiting: waitingOf(queue) });
    yield SIZE * (1 + queue.length);
  }
  return infos;
}

function lockOf(locks: Map<string, Lock>, key: string, kind: LockInfo['kind']): Lock {
  let lock = locks.get(key);
  if (lock === undefined) {
    lock = { kind, holders: [], queue: [], oldest: -1, longest: -1 };
    locks.set(key, lock);
  }
  return lock;
}

/** The readers of one lease are one holder. */
function addHolds(locks: Map<string, Lock>, { owner, holds }: ProcessFacts, at: Date): void {
  const others = new Map<string, number>();
  for (const { holder } of holds) others.set(holder, (others.get(holder) ?? -1) + 1);
  for (const hold of holds) {
    const more = others.get(hold.holder);
    if (more === undefined) continue; // not the first one of its lease
    others.delete(hold.holder);
    const lock = lockOf(locks, hold.key, hold.kind);
    lock.kind = hold.kind; // a caller that waits may be of another kind
    lock.holders.push(detailsOf(hold, { owner, remaining: hold.remaining, more, at }));
    lock.oldest = Math.max(lock.oldest, hold.held);
  }
}

function addWaits(locks: Map<string, Lock>, { owner, waits }: ProcessFacts): void {
  for (const wait of waits) {
    const place = waitPlaceOf(owner, wait);
    const lock = lockOf(locks, wait.key, wait.kind);
    lock.queue.push(place);
    lock.longest = Math.max(lock.longest, place.waited);
  }
}

/** The newest first. */
function* troublesOf(answers: readonly Answer[], at: Date): Steps<LockTrouble[]> {
  const troubles: { readonly age: number; readonly trouble: LockTrouble }[] = [];
  for (const { facts } of answers) {
    for (const { age, ...rest } of facts.troubles) {
      troubles.push({ age, trouble: { ...rest, owner: facts.owner, at: new Date(at.getTime() - age) } });
    }
    yield SIZE * facts.troubles.length;
  }
  return troubles.sort((a, b) => a.age - b.age).map(({ trouble }) => trouble);
}
