/** When to request the store again, in ms. All with jitter, so that many processes do not request in step. */
import type { Holder, Outage, Queued } from '../contracts/store.contract.js';
import { sessionIdOf } from '../contracts/token.js';

/** The longest time between two checks. The store keeps a queue for at least three of them without one. */
export const LONGEST_CHECK = 10_000;

/** Nobody tells us when a foreign client gives a key back: the first in the queue checks this often. */
const FOREIGN_CHECK = 50;

/** An outage whose end nobody tells is tried so often: whoever waits longer than it lasts must not miss its end. */
const OUTAGE_TRY = 50;

/**
 * After a `queued` reply. A hand-off is announced; a check is for what nobody announces: the holder died (its lease's
 * rest), or the message got lost (about one check a second and key, however many processes wait).
 */
export function checkDelay(reply: Queued): number {
  const foreign = reply.holder !== '' && sessionIdOf(reply.holder) === undefined;
  if (foreign && reply.first) return jittered(Math.min(FOREIGN_CHECK, reply.remaining + 1));
  return jittered(Math.min(reply.remaining + 1, 1000 * reply.length, LONGEST_CHECK));
}

/**
 * After the n-th `busy` reply in a row (from 1), where the store does not queue: 30 ms growing to 250, or the lease's rest.
 */
export function pollDelay(reply: Holder, attempt: number): number {
  return jittered(Math.min(20 * 1.5 ** Math.min(attempt, 8), 250, reply.remaining + 1));
}

/**
 * After an own batch, where the store does not queue: long enough for another process, which polls, to come in between
 * now and then, and spread so that several are not in step.
 */
export function yieldDelay(): number {
  return 10 + Math.random() * 30;
}

/** After the n-th failure in a row (from 1): 100 ms growing to 1 s. */
export function retryDelay(attempt: number): number {
  return jittered(Math.min(50 * 2 ** Math.min(attempt, 5), 1000));
}

/** Until the end of an outage is told, or is to be tried; at its latest end, to know that it was too long. */
export function outageDelay({ left, announced }: Outage): number {
  return announced ? left + 1 : jittered(Math.min(OUTAGE_TRY, left + 1));
}

/** Upwards only: a check must not come before the end that it waits for. */
function jittered(ms: number): number {
  return Math.max(1, ms) * (1 + Math.random() * 0.2);
}
