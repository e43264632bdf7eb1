/**
 * No wake-up is lost: while a caller waits for a key, the key is not idle for long. Readers alone do not keep a reader
 * waiting. A waiter for a permit does not wait while a permit is free that no waiter before it may need.
 *
 * How long a key may be idle depends on what happened to the sessions that request it. Without faults it is one trip.
 * After a fault it is the sum, at worst, of what `docs/protocol.md` says of checks, offers and reconnections.
 */
import { LONGEST_CHECK } from '../../../lib/core/requests/backoff.js';
import type { LockKind } from '../../../lib/core/contracts/token.js';
import type { FaultSeen, Foreign } from '../events.js';
import type { Call, History, Violation } from '../history.js';
import type { FaultKind } from '../program.js';
import { delaysOf, longestTtl, sessionsOf } from './disturbances.js';
import { type Interval, type Presence, type Wait, keptWaiting, merged } from './occupancy.js';
import { believedUntil } from './overlaps.js';

/** Without faults, in ms: a trip, or the polls while the channel of the first waiter has no subscription yet. */
const QUIET = 700;
/** The longest time until an ended connection is open again, and until a failed command is tried again, in ms. */
const RECONNECTION = 100;
const RETRIES = 3_500;
/** An offer that nobody confirms, and the check that finds its end, in ms. */
const OFFER = 2_200;
/** If a fault is shorter than this, the connection is back at the first try. In ms. */
const SHORT = 250;

export function idle(history: History): Violation[] {
  const keys = new Set(history.calls.flatMap((call) => call.keys));
  return [...keys].flatMap((key) => {
    const calls = history.calls.filter((call) => call.keys.includes(key));
    const there = [
      ...calls.flatMap((call) => busyBy(history, call)),
      ...history.foreigners.flatMap((foreign) =>
        foreign.key === key
          ? [{ from: foreign.from, to: goneBy(history, foreign), lock: 'exclusive' as const }]
          : [],
      ),
    ];
    const waiting = calls.filter(({ kind }) => kind !== 'try').map(waitOf);
    const busy = new Map<LockKind, Interval[]>();
    for (const { lock } of calls) {
      if (!busy.has(lock)) busy.set(lock, keptWaiting(lock, there, waiting));
    }
    return calls
      .filter(({ kind, keys: all, killed }) => kind !== 'try' && all.length === 1 && !killed)
      .flatMap((call) => ofWaiter(history, call, key, busy.get(call.lock) ?? []));
  });
}

function ofWaiter(history: History, call: Call, key: string, busy: readonly Interval[]): Violation[] {
  const { id, at: from, hold, refused } = call;
  const to = hold?.at ?? refused?.at;
  if (to === undefined || to - from <= QUIET) return []; // another rule judges calls that are never settled
  return gaps({ from, to }, busy).flatMap((gap) => {
    const ms = gap.to - gap.from;
    if (ms <= QUIET) return [];
    const bound = boundOf(history, key, call, gap);
    if (ms <= bound) return [];
    const what = `${id} waited while "${key}" was idle for ${Math.round(ms)} ms, longer than ${Math.round(bound)}`;
    return [{ rule: 'idle', what, at: gap.to, key, ids: [id] }];
  });
}

function boundOf(history: History, key: string, { session, lock }: Call, gap: Interval): number {
  const delays = delaysOf(history, key, gap.to);
  const brief = delays.every(endsSoon);
  // While such a fault lasts, the key may stay idle. A waiter that cannot be reached is passed over only when it is the
  // first. So readers wait behind a writer, and waiters for a permit wait behind a waiter with a lower limit.
  const faults = delays.filter(
    (fault) =>
      lock !== 'exclusive' || brief || (fault.session ?? session) === session || fault.kind === 'pause',
  );
  const quiet = QUIET + lasted(history, key, gap, faults);
  if (delays.length === 0) return quiet;
  // A session that missed a message checks as soon as its subscription is back.
  if (brief) return quiet + RECONNECTION;
  // A check comes after the rest of the lease, or after one second for each request in the queue. The shorter time
  // counts, with a fifth more. Requests that were released may be in the queue for a while.
  const sessions = sessionsOf(history, key).size;
  const check = 1.2 * Math.min(longestTtl(history, key), 1_000 * (sessions + 1), LONGEST_CHECK);
  const silent = delays.filter(({ kind }) => kind === 'pause' || !CONNECTED.has(kind)).length;
  const retries = delays.every(({ kind }) => CONNECTED.has(kind)) ? 0 : RETRIES + history.commandTimeout;
  return quiet + check + OFFER * Math.min(silent, sessions) + retries;
}

/** Faults that break no connection, and delay no command and no message. */
const CONNECTED: ReadonlySet<FaultKind> = new Set(['kill', 'pause', 'flush', 'foreign-delete']);

function endsSoon({ kind, lanes, from, at }: FaultSeen): boolean {
  const breaks = kind === 'cut' || kind === 'refuse' || kind === 'lose-replies';
  return breaks && lanes?.length === 1 && lanes[0] === 'notifications' && at - from < SHORT;
}

/** For how long of the gap one of the faults lasted, or a session that may have had the key could not run. */
function lasted(history: History, key: string, gap: Interval, faults: readonly FaultSeen[]): number {
  const sessions = sessionsOf(history, key);
  const stalls = history.stalls.filter(
    ({ who }) => who === 'fuzzer' || who === 'server' || sessions.has(who),
  );
  const all = merged([...faults, ...stalls].map(({ from, at }) => ({ from, to: at })));
  return all.reduce(
    (sum, { from, to }) => sum + Math.max(0, Math.min(to, gap.to) - Math.max(from, gap.from)),
    0,
  );
}

/** When a call may have kept the key busy for others. */
function busyBy(history: History, call: Call): Presence[] {
  const { at: requested, keys, lock, minHold, hold, refused, killed, ttl } = call;
  const held = hold === undefined ? requested : Math.max(believedUntil(hold), hold.ended?.at ?? 0);
  // A call for several keys holds some of them while it waits for the others. A killed process may have held the key
  // unseen.
  const unseen = keys.length > 1 || killed;
  const from = unseen ? requested : (hold?.at ?? requested);
  const rest = killed ? killedAt(history, call) + ttl * 1.2 : (refused?.at ?? requested);
  const to = Math.max(held, hold === undefined ? requested : hold.at + minHold, unseen ? rest : requested);
  return from < to ? [{ from, to, lock }] : [];
}

/** That a process was killed is noticed only when its request is the first of the queue. */
function waitOf({ at: from, lock, limit = 1, hold, refused, killed }: Call): Wait {
  return { from, to: killed ? Infinity : (hold?.at ?? refused?.at ?? Infinity), lock, limit };
}

/** The key of a foreign client may last longer if its connection broke: the SET may have been sent again. */
function goneBy({ faults }: History, { at, px }: Foreign): number {
  return at + (faults.some(({ kind }) => kind === 'restart') ? px : 0);
}

function killedAt({ faults }: History, { session }: Call): number {
  return faults.find((fault) => fault.kind === 'kill' && fault.session === session)?.at ?? -Infinity;
}

/** The parts of the interval that `busy` does not cover. */
function gaps({ from, to }: Interval, busy: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  let since = from;
  for (const each of busy) {
    if (each.to <= since) continue;
    if (each.from >= to) break;
    if (each.from > since) result.push({ from: since, to: each.from });
    since = each.to;
  }
  if (since < to) result.push({ from: since, to });
  return result;
}
