/**
 * What a lease owes to those who use it and to those who wait:
 *
 * - A hold of one key begins with two thirds of its ttl, or, under an offer, with half of the offer's length.
 * - A lease serves those who waited when it came; at most so many of them, but for readers, and but for the first none that
 *   begins after so long.
 * - A minimum hold keeps out, until it is over, all who do not go with it: of a reader, writers; of a permit, so many
 *   callers that with it they would be too many.
 *
 * Calls for several keys hold some while they wait for the others: of these the history does not know when.
 */
import { LONGEST_BATCH, MOST_HOLDS } from '../../../lib/core/queue/batch-limits.js';
import { OFFER_MS } from '../../../lib/core/contracts/store.contract.js';
import { type Call, type History, type Hold, type Violation, tokenOf } from '../history.js';
import { isCrowded } from './crowd.js';
import { forgettingsOf, stalled, storeDisturbed } from './disturbances.js';
import { believedUntil } from './overlaps.js';

/** What no watch sees: a stall that is too short for one, and a trip. In ms. */
const UNSEEN = 80;
/** Retries and replies that were under way, in ms. */
const AFTERWARDS = 3_000;

type Served = Call & { hold: Hold };

export function leases(history: History): Violation[] {
  const keys = new Set(history.calls.flatMap((call) => call.keys));
  return [...keys].flatMap((key) => {
    const served = history.calls
      .filter((call): call is Served => call.hold !== undefined && call.keys.includes(key))
      .sort((a, b) => a.hold.at - b.hold.at);
    return [
      ...served.filter(alone).flatMap((call) => share(history, call)),
      ...batches(history, served, key),
      ...minimumHolds(history, served, key),
    ];
  });
}

function alone({ keys }: Call): boolean {
  return keys.length === 1;
}

function violation(what: string, at: number, key: string, calls: readonly Call[]): Violation {
  return { rule: 'lease', what, at, key, ids: calls.map(({ id }) => id) };
}

function share(history: History, call: Served): Violation[] {
  const { id, session, keys, ttl, maxHold = Infinity, at: requested, hold } = call;
  const { at, remaining } = hold;
  const due = Math.min((ttl * 2) / 3, OFFER_MS / 2, maxHold) - UNSEEN;
  if (remaining >= due || remaining >= due - stalled(history, session, requested, at)) return [];
  // What was held up and flows again makes a lease old, and no renewal slow. What has just begun may have met one.
  const slow = history.faults.some(({ kind, session: whose, from, at: end }) => {
    const held = kind === 'hold-replies' || kind === 'hold-requests';
    return (whose ?? session) === session && from < at + 1 && end > (held ? at : at - AFTERWARDS);
  });
  if (slow || hold.loss?.reason === 'not-owner') return [];
  const what = `${id} began with ${remaining.toFixed(1)} ms of its ttl of ${ttl} left`;
  return [violation(what, at, keys[0], [call])];
}

function batches(history: History, served: readonly Served[], key: string): Violation[] {
  const byToken = new Map<string, Served[]>();
  for (const call of served) {
    const token = tokenOf(call, call.hold, key);
    byToken.set(token, [...(byToken.get(token) ?? []), call]);
  }
  return [...byToken.values()].flatMap((batch) => {
    const [first] = batch;
    const found: Violation[] = [];
    if (batch.length > MOST_HOLDS && first.lock !== 'shared') {
      const what = `${batch.length} sections under one lease of "${key}"`;
      found.push(violation(what, first.hold.at, key, [first]));
    }
    const from = first.hold.at;
    const later = batch.find((call) => call.at > from);
    if (later !== undefined) {
      const what = `${later.id} asked after the lease of "${key}" had come that it was served under`;
      found.push(violation(what, later.hold.at, key, [first, later]));
    }
    const late = batch.slice(1).find((call) => {
      const after = call.hold.at - from - LONGEST_BATCH - UNSEEN;
      if (!alone(call) || after <= 0) return false;
      // It may have been chosen in time, and then its lease had to be renewed.
      if (storeDisturbed(history, call.session, from - AFTERWARDS, call.hold.at)) return false;
      return after > stalled(history, call.session, from, call.hold.at);
    });
    if (late !== undefined) {
      const after = Math.round(late.hold.at - from);
      const what = `${late.id} began ${after} ms after the first section under the same lease of "${key}"`;
      found.push(violation(what, late.hold.at, key, [first, late]));
    }
    return found;
  });
}

function minimumHolds(history: History, served: readonly Served[], key: string): Violation[] {
  const forgettings = forgettingsOf(history).filter(({ key: only }) => (only ?? key) === key);
  // Readers of one lease give it back together: it may have been lost to the last ones.
  const lost = new Set(served.flatMap((call) => (isLost(call) ? [tokenOf(call, call.hold, key)] : [])));
  return served.filter(alone).flatMap((call) => {
    const { id, session, minHold, hold } = call;
    if (minHold <= UNSEEN || hold.ended?.released !== true) return [];
    if (lost.has(tokenOf(call, hold, key))) return [];
    const { at } = hold;
    const soon = served.filter((other) => other.hold.at > at && other.hold.at < at + minHold - UNSEEN);
    const next = soon.find((other) => keptOut(other, call, served));
    if (next === undefined) return [];
    const early = minHold - UNSEEN - (next.hold.at - at);
    if (early <= stalled(history, session, call.at, next.hold.at)) return [];
    // A release that had to be tried again does not wait: nothing else could be sure that it ever comes.
    if (storeDisturbed(history, session, call.at - AFTERWARDS, next.hold.at)) return [];
    if (forgettings.some(({ from, to }) => from < next.hold.at && to > call.at)) return [];
    const what = `${next.id} began ${Math.round(next.hold.at - at)} ms after ${id}, which was to keep "${key}" for ${minHold}`;
    return [violation(what, next.hold.at, key, [call, next])];
  });
}

function isLost({ hold: { loss, ended } }: Served): boolean {
  return loss !== undefined || ended?.lost !== undefined;
}

/** Must it wait until the other one's minimum hold is over? */
function keptOut(call: Served, by: Served, served: readonly Served[]): boolean {
  if (call === by) return false;
  if (call.lock !== by.lock || call.lock === 'exclusive') return true;
  if (call.lock === 'shared') return false;
  const { at } = call.hold;
  const beside = served.filter(
    (other) => other.lock === 'semaphore' && other.hold.at < at && believedUntil(other.hold) > at,
  );
  const together = new Set([...beside, call, by]);
  return isCrowded([...together].map(({ limit = 1 }) => limit));
}
