/**
 * No wake-up is lost: while somebody waits for a key, it does not lie idle for long: a reader is not kept waiting by
 * readers alone, nor who wants a permit while there is one that nobody before may want. How long depends on what happened to
 * those who request it. On a quiet day it is a trip; after a fault, it is what `docs/protocol.md` says of checks, offers and
 * reconnections, one after the other at the worst.
 */
import { LONGEST_CHECK } from '../../../lib/core/requests/backoff.js';
import type { LockKind } from '../../../lib/core/contracts/token.js';
import type { FaultSeen, Foreign } from '../events.js';
import type { Call, History, Violation } from '../history.js';
import type { FaultKind } from '../program.js';
import { delaysOf, longestTtl, sessionsOf } from './disturbances.js';
import { type Interval, type Presence, type Wait, keptWaiting, merged } from './occupancy.js';
import { believedUntil } from './overlaps.js';

/** On a quiet day, in ms: a trip, or the polls while the first waiter's channel is not subscribed to yet. */
const QUIET = 700;
/** A connection that has ended is opened again, and what failed is tried again, so long after each other, in ms. */
const RECONNECTION = 100;
const RETRIES = 3_500;
/** An offer that nobody takes up, and the check that finds it lapsed, in ms. */
const OFFER = 2_200;
/** After a fault that is this short a connection is back at the first try, in ms. */
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
  if (to === undefined || to - from <= QUIET) return []; // never settled: another rule's
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
  // Nothing can be done about them while they last. Who cannot be reached is passed over when its hold comes: readers that
  // stand behind a writer, and whoever stands behind one who wants fewer beside it, wait for that turn.
  const faults = delays.filter(
    (fault) =>
      lock !== 'exclusive' || brief || (fault.session ?? session) === session || fault.kind === 'pause',
  );
  const quiet = QUIET + lasted(history, key, gap, faults);
  if (delays.length === 0) return quiet;
  // Whoever missed a message requests as soon as it is subscribed again.
  if (brief) return quiet + RECONNECTION;
  // A check comes after what is left of the lease, or a second for each in the queue, whichever is less, and a fifth more.
  // Those that were withdrawn may stand in the queue for a while.
  const sessions = sessionsOf(history, key).size;
  const check = 1.2 * Math.min(longestTtl(history, key), 1_000 * (sessions + 1), LONGEST_CHECK);
  const silent = delays.filter(({ kind }) => kind === 'pause' || !CONNECTED.has(kind)).length;
  const retries = delays.every(({ kind }) => CONNECTED.has(kind)) ? 0 : RETRIES + history.commandTimeout;
  return quiet + check + OFFER * Math.min(silent, sessions) + retries;
}

/** By them no connection is broken, and no command or message is late. */
const CONNECTED: ReadonlySet<FaultKind> = new Set(['kill', 'pause', 'flush', 'foreign-delete']);

function endsSoon({ kind, lanes, from, at }: FaultSeen): boolean {
  const breaks = kind === 'cut' || kind === 'refuse' || kind === 'lose-replies';
  return breaks && lanes?.length === 1 && lanes[0] === 'notifications' && at - from < SHORT;
}

/** For how long of the gap there was one of the faults, or one of those that the key may have been given to could not run. */
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

/** When a call may have kept the key from others. */
function busyBy(history: History, call: Call): Presence[] {
  const { at: requested, keys, lock, minHold, hold, refused, killed, ttl } = call;
  const held = hold === undefined ? requested : Math.max(believedUntil(hold), hold.ended?.at ?? 0);
  // Of several, it holds some while it waits for the others; so does a process that is killed, of which nobody knows.
  const unseen = keys.length > 1 || killed;
  const from = unseen ? requested : (hold?.at ?? requested);
  const rest = killed ? killedAt(history, call) + ttl * 1.2 : (refused?.at ?? requested);
  const to = Math.max(held, hold === undefined ? requested : hold.at + minHold, unseen ? rest : requested);
  return from < to ? [{ from, to, lock }] : [];
}

/** Of who died it is not known before its hold comes. */
function waitOf({ at: from, lock, limit = 1, hold, refused, killed }: Call): Wait {
  return { from, to: killed ? Infinity : (hold?.at ?? refused?.at ?? Infinity), lock, limit };
}

/** What it sent may have been sent again, later, where its connection broke. */
function goneBy({ faults }: History, { at, px }: Foreign): number {
  return at + (faults.some(({ kind }) => kind === 'restart') ? px : 0);
}

function killedAt({ faults }: History, { session }: Call): number {
  return faults.find((fault) => fault.kind === 'kill' && fault.session === session)?.at ?? -Infinity;
}

/** What of the interval is not covered. */
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
