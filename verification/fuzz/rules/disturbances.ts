/** What in a history explains that something went otherwise than on a quiet day. */
import type { Forgetting } from '../../../test/support/fence-history.js';
import type { FaultSeen } from '../events.js';
import type { History } from '../history.js';
import type { FaultKind } from '../program.js';

/** Redis answers nobody, or forgets. */
const OF_THE_SERVER: ReadonlySet<FaultKind> = new Set(['flush', 'restart', 'client-pause', 'freeze']);
/** A command may fail by them. */
const OF_THE_STORE: ReadonlySet<FaultKind> = new Set([
  'restart',
  'client-pause',
  'freeze',
  'pause',
  'cut',
  'refuse',
  'hold-requests',
  'hold-replies',
  'delay',
  'lose-replies',
  'black-hole',
  'strand',
]);
/** Nobody's turn is delayed by them. */
const HARMLESS: ReadonlySet<FaultKind> = new Set(['script-flush', 'foreign-hold', 'clock-back']);

/** When Redis forgot a key, or all of them. */
export function forgettingsOf({ faults }: History): Forgetting[] {
  return faults.flatMap(({ kind, from, at, key }) => {
    if (kind === 'flush' || kind === 'restart') return [{ from, to: at }];
    return kind === 'foreign-delete' ? [{ from, to: at, key }] : [];
  });
}

/** The longest that anybody was ever given the key for, in ms. */
export function longestTtl({ calls, foreigners }: History, key: string): number {
  let longest = 0;
  for (const { keys, ttl, hold } of calls) {
    if (!keys.includes(key)) continue;
    longest = Math.max(longest, ttl);
    for (const extension of hold?.extensions ?? []) longest = Math.max(longest, extension.ttl);
  }
  for (const foreign of foreigners) if (foreign.key === key) longest = Math.max(longest, foreign.px);
  return longest;
}

/** How long the session, the proxies before it or Redis got no time to run within the interval, in ms. */
export function stalled(history: History, session: string, from: number, to: number): number {
  return stalledOf(history, (who) => who === session || ELSEWHERE.has(who), from, to);
}

/** How long the proxies or Redis got none. Replies were late then, and not merely unread. */
export function stalledElsewhere(history: History, from: number, to: number): number {
  return stalledOf(history, (who) => ELSEWHERE.has(who), from, to);
}

/** Who is no session, or may be several. */
const ELSEWHERE: ReadonlySet<string> = new Set(['fuzzer', 'server']);

function stalledOf({ stalls }: History, whose: (who: string) => boolean, from: number, to: number): number {
  let sum = 0;
  for (const { who, from: since, at } of stalls) {
    if (whose(who)) sum += Math.max(0, Math.min(at, to) - Math.max(since, from));
  }
  return sum;
}

/** Was there, within the interval, a fault by which a command of the session may fail? */
export function storeDisturbed(history: History, session: string, from: number, to: number): boolean {
  return history.faults.some(
    (fault) =>
      OF_THE_STORE.has(fault.kind) &&
      (fault.session ?? session) === session &&
      fault.from < to &&
      from < fault.at,
  );
}

/** The faults before `to` that may delay the hand-off of the key between those who request it. */
export function delaysOf(history: History, key: string, to: number): FaultSeen[] {
  const sessions = sessionsOf(history, key);
  return history.faults.filter(({ kind, session, from, key: only }) => {
    if (HARMLESS.has(kind) || from > to) return false;
    if (OF_THE_SERVER.has(kind)) return true;
    return session === undefined ? only === key : sessions.has(session);
  });
}

/** Who ever requested the key. */
export function sessionsOf({ calls }: History, key: string): ReadonlySet<string> {
  return new Set(calls.filter(({ keys }) => keys.includes(key)).map(({ session }) => session));
}
