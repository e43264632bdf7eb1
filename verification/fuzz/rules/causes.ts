/** Nothing fails without a cause: errors and losses are those that the history explains. */
import type { Refused } from '../events.js';
import { type Call, type History, type Hold, type Violation, settledAt } from '../history.js';
import { forgettingsOf, stalled, stalledElsewhere, storeDisturbed } from './disturbances.js';

/** Faults have after-effects: reconnections, retries, replies that were under way. In ms. */
const AFTERWARDS = 3_000;
/** Of a lease that is shorter, nothing can be said on a busy machine, in ms. */
const SHORT_TTL = 400;
/** A timer fires up to a millisecond early; calls for several keys set one after the other. In ms. */
const EARLY = 5;
/**
 * Proxies or a server that could not run for so long may be late with a reply, in ms. A session that could not run itself finds
 * its replies there, and must not take the store for silent.
 */
const NOTEWORTHY = 80;

export function causes(history: History): Violation[] {
  return history.calls.flatMap((call) => {
    const found = [
      ...(call.refused === undefined ? [] : [wrongRefusal(history, call, call.refused)]),
      ...(call.hold === undefined || call.killed ? [] : ofHold(history, call, call.hold)),
    ];
    return found
      .filter((what) => what !== undefined)
      .map((what) => {
        const at = call.hold?.ended?.at ?? settledAt(call) ?? call.at;
        return { rule: 'cause', what: `${call.id}: ${what}`, at, key: call.keys[0], ids: [call.id] };
      });
  });
}

function wrongRefusal(history: History, call: Call, { code, at, message }: Refused): string | undefined {
  const waited = at - call.at;
  switch (code) {
    case 'BUSY':
      return call.kind === 'try' ? undefined : 'told null, as tryAcquire is';
    case 'LOCK_BUSY':
      if (call.kind === 'try') return 'threw "busy"';
      return waited < call.wait - EARLY
        ? `busy after ${Math.round(waited)} ms, though it would wait ${call.wait}`
        : undefined;
    case 'LOCK_ABORTED':
      return call.abortedAt === undefined ? 'aborted by nobody' : undefined;
    case 'LOCK_QUEUE_FULL':
      return call.maxWaiters === undefined ? 'a full queue without a bound' : undefined;
    case 'LOCK_OPTIONS':
      return undefined; // a rule of its own
    case 'LOCK_STORE':
      if (call.ttl < SHORT_TTL && message.includes('the lease of the lock')) return undefined;
      return storeTrouble(history, call, call.at, at)
        ? undefined
        : `the store failed without a cause: ${message}`;
    default:
      return `failed with ${code}: ${message}`;
  }
}

function* ofHold(history: History, call: Call, hold: Hold): Generator<string> {
  const { ended, loss } = hold;
  const end = ended?.at ?? Infinity;
  const lost = loss?.reason ?? ended?.lost;
  if (lost !== undefined) {
    const at = Math.min(loss?.at ?? Infinity, end);
    const why = lossWithoutCause(history, call, hold, lost, at);
    if (why !== undefined) yield why;
  }
  if (lost !== undefined && ended?.released === true) yield `lost (${lost}), and yet released`;
  if (lost === undefined && ended?.released === false && hold.ending !== undefined) {
    yield 'given back as not its own any more, though it was not lost';
  }
  for (const { code, ttl, from, at, remaining } of hold.extensions) {
    if (code === 'LOCK_STORE') {
      if (!storeTrouble(history, call, from, at)) yield 'its extension failed without a cause';
    } else if (code !== undefined && !(code === 'LOCK_LOST' && lost !== undefined)) {
      yield `its extension failed with ${code}`;
    } else if (code === undefined && call.maxHold === undefined && remaining > 0) {
      const least = ttl - (at - from) - 5;
      if (remaining < least && remaining < least - stalled(history, call.session, from, at + ttl))
        yield `extended to ${ttl} ms, and had ${remaining.toFixed(1)} left`;
    }
  }
}

function lossWithoutCause(
  history: History,
  { ttl, renew, maxHold, session, keys, at: requested }: Call,
  hold: Hold,
  reason: string,
  at: number,
): string | undefined {
  const age = at - hold.at;
  if (reason === 'max-hold') {
    if (maxHold === undefined) return 'reached a maxHold that it has not';
    // Its time runs from the moment of the grant, which may be well before its caller checked, at several keys above all.
    return at - requested < maxHold - 1
      ? `reached its maxHold of ${maxHold} ms after ${Math.round(age)}`
      : undefined;
  }
  if (reason !== 'expired' && reason !== 'not-owner') return `lost by "${reason}"`;
  if (!renew || ttl < SHORT_TTL) return undefined;
  const from = requested - AFTERWARDS;
  const forgotten = forgettingsOf(history).some(
    (forgetting) =>
      (forgetting.key === undefined || keys.includes(forgetting.key)) &&
      forgetting.from < at &&
      forgetting.to > from,
  );
  if (forgotten || storeDisturbed(history, session, from, at)) return undefined;
  if (stalledElsewhere(history, requested, at) > ttl / 4) return undefined;
  // A renewal leaves at a third. Only a session that could not run for nearly all of the rest has not sent it in time.
  if (stalled(history, session, requested, at) > ttl / 2) return undefined;
  return `lost (${reason}) after ${Math.round(age)} ms without a cause`;
}

function storeTrouble(history: History, { session }: Call, from: number, to: number): boolean {
  return (
    storeDisturbed(history, session, from - AFTERWARDS - history.commandTimeout, to) ||
    stalledElsewhere(history, from - AFTERWARDS, to) > NOTEWORTHY
  );
}
