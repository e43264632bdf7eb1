/**
 * First come, first served. Of calls that wait for one key:
 *
 * - Those of one session begin in the order in which they were made. This is always so. Readers, and holders of a semaphore,
 *   begin side by side: of two of them, it is the fences that tell who came first.
 * - Between sessions, while nothing disturbs them: once a session queues, each other one gets at most one lease before it, and
 *   one more is let pass here, as the moment at which it queued is known to the calls alone and not to the history. So no
 *   writer is passed by readers who came later, nor who wants the last permits of a semaphore by others. In Redis nobody
 *   at all is seen to get the key past the first of its queue.
 *
 * Calls for several keys and tryAcquire are left out: the first join each queue when the key before is theirs, the second
 * join none.
 */
import { type Call, type History, type Violation, tokenOf } from '../history.js';
import { delaysOf, sessionsOf, stalled } from './disturbances.js';

/** How long after a call began, or the session's last hold of the key ended, it surely queues, in ms. */
const QUEUED_AFTER = 300;
/** The most leases of one other session that are let pass. */
const MOST_LEASES = 2;
/** A process that could not run for so long may have missed an offer, in ms. */
const MISSED = 100;
/** An offer that was missed, and the return to the queue, may be so long ago, in ms. */
const LAPSED = 3_000;
/** Others go on while a grant is on its way to one that holds the key beside them, in ms. */
const ON_ITS_WAY = 100;

type Served = Call & { hold: NonNullable<Call['hold']> };

export function order(history: History): Violation[] {
  const keys = new Set(history.calls.flatMap((call) => call.keys));
  return [...keys]
    .flatMap((key) => {
      const calls = history.calls.filter((call) => call.keys.includes(key));
      return [...withinSessions(calls, key), ...betweenSessions(history, calls, key)];
    })
    .concat(pastTheFirst(history));
}

/** What was seen in Redis. */
function pastTheFirst(history: History): Violation[] {
  return history.passed.flatMap(({ from, at, key, first, by }) => {
    // Who was passed over takes its place back, before those who came first meanwhile.
    if (delaysOf(history, key, at).length > 0) return [];
    const sessions = ['fuzzer', ...sessionsOf(history, key)];
    if (sessions.some((session) => stalled(history, session, from - LAPSED, at) > MISSED)) return [];
    const what = `${by.join(', ')} got "${key}", for which ${first} was the first to wait`;
    return [{ rule: 'order', what, at, key }];
  });
}

function waits({ kind, keys }: Call): boolean {
  return kind !== 'try' && keys.length === 1;
}

function isServed(call: Call): call is Served {
  return call.hold !== undefined;
}

function withinSessions(calls: readonly Call[], key: string): Violation[] {
  const found: Violation[] = [];
  const latest = new Map<string, Served>();
  const waiting = calls.filter((call) => waits(call));
  for (const call of waiting.filter(isServed).sort((a, b) => a.order - b.order)) {
    const before = latest.get(call.session);
    if (before !== undefined && cameBefore(call, before)) {
      const what = `${call.id} began before ${before.id}, which had asked before it`;
      found.push({ rule: 'order', what, at: call.hold.at, key, ids: [before.id, call.id] });
    } else latest.set(call.session, call);
  }
  return found;
}

function cameBefore(one: Served, other: Served): boolean {
  const together = one.lock === other.lock && one.lock !== 'exclusive';
  return together ? one.hold.fence < other.hold.fence : one.hold.at < other.hold.at;
}

function betweenSessions(history: History, calls: readonly Call[], key: string): Violation[] {
  const served = calls.filter(isServed).sort((a, b) => a.hold.at - b.hold.at);
  const leases = firstHolds(served, key);
  return served.filter(waits).flatMap((call) => {
    const { at: began } = call.hold;
    if (delaysOf(history, key, began).length > 0 || stalled(history, call.session, call.at, began) > MISSED)
      return [];
    const own = served.filter(({ session, hold }) => session === call.session && hold.at < began).at(-1);
    // Of leases that go side by side, the next one is requested as soon as the callers of the one before are in.
    const free = own?.lock === 'exclusive' ? own.hold.ending?.at : own?.hold.at;
    const queued = Math.max(call.at, free ?? -Infinity) + QUEUED_AFTER;
    const granted = began - (call.lock === 'exclusive' ? 0 : ON_ITS_WAY);
    const passed = new Map<string, number>();
    for (const lease of leases) {
      const { at } = lease.hold;
      // It may have been granted well before its first hold began, but not before that was requested.
      if (at <= queued || at >= granted || lease.at <= queued || lease.session === call.session) continue;
      passed.set(lease.session, (passed.get(lease.session) ?? 0) + 1);
    }
    return [...passed]
      .filter(([, count]) => count > MOST_LEASES)
      .map(([session, count]) => {
        const what = `${call.id} waited while ${session} had ${count} leases of "${key}"`;
        return { rule: 'order', what, at: began, key, ids: [call.id] };
      });
  });
}

/** The first hold of each lease. */
function firstHolds(served: readonly Served[], key: string): Served[] {
  const seen = new Set<string>();
  return served.filter((call) => {
    const token = tokenOf(call, call.hold, key);
    const first = !seen.has(token);
    seen.add(token);
    return first;
  });
}
