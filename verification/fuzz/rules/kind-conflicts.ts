/**
 * A key is of one family: exclusive and shared locks, or permits of a semaphore.
 *
 * - Who takes it for the other one is refused with a LockOptionsError that names the key, if somebody of that other one may
 *   be there, holding the key or waiting for it; and for no other reason.
 * - Nobody is told "busy" instead, while one of the other family surely holds it throughout. What a caller knows of a key
 *   that was forgotten, or did not hear of as it could not be reached, is let pass.
 */
import { compatibleKinds } from '../../../lib/core/contracts/token.js';
import { type Call, type History, type Violation, settledAt } from '../history.js';
import { forgettingsOf, longestTtl, stalled, storeDisturbed } from './disturbances.js';
import { believedUntil } from './overlaps.js';

/** What was given back is gone so soon on a quiet day, in ms. */
const GONE = 500;
/** Retries after a fault, in ms. */
const AFTERWARDS = 3_500;
/** What a session last heard of a key may be as old as its longest check, and more, in ms. */
const HEARSAY = 15_000;
/** A process that could not run for so long may have missed an offer, in ms. */
const MISSED = 400;

export function kindConflicts(history: History): Violation[] {
  const keys = new Set(history.calls.flatMap((call) => call.keys));
  return [...keys].flatMap((key) => {
    const calls = history.calls.filter((call) => call.keys.includes(key));
    return [...unfounded(history, calls, key), ...mistaken(history, calls, key)];
  });
}

function violation(what: string, at: number, key: string, ids: readonly string[]): Violation {
  return { rule: 'kind-conflict', what, at, key, ids };
}

function unfounded(history: History, calls: readonly Call[], key: string): Violation[] {
  const gone = new Map(calls.map((call) => [call, goneBy(history, call, key)]));
  return calls.flatMap((call) => {
    const { id, keys, refused } = call;
    // Of several keys the error may be for another one: the last of them answers for all.
    if (refused?.code !== 'LOCK_OPTIONS' || key !== keys[keys.length - 1]) return [];
    if (!keys.some((each) => refused.message.includes(`"${each}"`)))
      return [violation(`${id}: its error names no key: ${refused.message}`, refused.at, key, [id])];
    const others = keys.length === 1 ? calls : history.calls.filter((other) => shareKey(other, call));
    const there = others.some(
      (other) =>
        !compatibleKinds(other.lock, call.lock) &&
        other.at < refused.at &&
        (gone.get(other) ?? goneBy(history, other, key)) > call.at,
    );
    if (there) return [];
    const what = `${id} was refused as ${call.lock}, and nobody had "${keys.join()}" as anything else: ${refused.message}`;
    return [violation(what, refused.at, key, [id])];
  });
}

function shareKey(one: Call, other: Call): boolean {
  return one.keys.some((key) => other.keys.includes(key));
}

/** When nothing of the call can be in Redis any more. */
function goneBy(history: History, call: Call, key: string): number {
  const { session, at, minHold, hold, refused, killed, ttl } = call;
  const end = hold?.ended?.at ?? refused?.at;
  // Of who died the queue does not know until its hold comes.
  if (end === undefined || killed) return Infinity;
  const kept = Math.max(end, hold === undefined ? end : hold.at + minHold);
  if (storeDisturbed(history, session, at - AFTERWARDS, end + GONE))
    return kept + AFTERWARDS + history.commandTimeout + 1.2 * Math.max(ttl, longestTtl(history, key));
  return kept + GONE + stalled(history, session, at, end + GONE);
}

function mistaken(history: History, calls: readonly Call[], key: string): Violation[] {
  const forgettings = forgettingsOf(history).filter(({ key: only }) => (only ?? key) === key);
  const busy = calls.filter(({ keys, refused }) => keys.length === 1 && refused?.code.endsWith('BUSY'));
  return busy.flatMap((call) => {
    const { id, session, lock, at } = call;
    const settled = settledAt(call) ?? Infinity;
    if (forgettings.some(({ from }) => from < settled)) return [];
    if (storeDisturbed(history, session, at - HEARSAY, settled)) return [];
    if (stalled(history, session, at - HEARSAY, settled) > MISSED) return [];
    const holder = calls.find(
      (other) =>
        !compatibleKinds(other.lock, lock) &&
        other.hold !== undefined &&
        other.hold.at < at &&
        believedUntil(other.hold) > settled,
    );
    if (holder === undefined) return [];
    const what = `${id} was told that "${key}" is busy, and not that ${holder.id} has it as ${holder.lock}`;
    return [violation(what, settled, key, [id, holder.id])];
  });
}
