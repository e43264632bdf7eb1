/** How long to wait before the next command, in ms. With jitter, so that many processes do not send at the same time. */
import type { Holder, Outage, Queued } from '../contracts/store.contract.js';
import { sessionIdOf } from '../contracts/token.js';

/** The longest time between two checks, in ms. The store keeps a queue without checks at least three times as long. */
export const LONGEST_CHECK = 10_000;

/** How often the first request of the queue checks, in ms: a foreign client releases its key without a message. */
const FOREIGN_CHECK = 50;

/**
 * How often an outage without an announced end is tried, in ms. A caller that waits longer than the outage lasts must not
 * miss its end.
 */
const OUTAGE_TRY = 50;

/**
 * The time from a `queued` reply to the next check. A hand-off comes with a message. Checks are for other cases:
 *
 * - The holder may have died. A check is sent when the holder's lease ends.
 * - The message may be lost. Each key is checked about once a second in all, by any number of processes.
 */
export function checkDelay(reply: Queued): number {
  const foreign = reply.holder !== '' && sessionIdOf(reply.holder) === undefined;
  if (foreign && reply.first) return jittered(Math.min(FOREIGN_CHECK, reply.remaining + 1));
  return jittered(Math.min(reply.remaining + 1, 1000 * reply.length, LONGEST_CHECK));
}

/**
 * The time after the n-th `busy` reply in a row (from 1), if the store does not queue. It grows from 30 ms to 250 ms,
 * and is no longer than the rest of the holder's lease.
 */
export function pollDelay(reply: Holder, attempt: number): number {
  return jittered(Math.min(20 * 1.5 ** Math.min(attempt, 8), 250, reply.remaining + 1));
}

/**
 * The time after a batch of this process, if the store does not queue. It is long enough that now and then a process that
 * polls gets the key. It is random, so that several processes do not send at the same time.
 */
export function yieldDelay(): number {
  return 10 + Math.random() * 30;
}

/** The time after the n-th failure in a row (from 1): from 100 ms up to 1 s. */
export function retryDelay(attempt: number): number {
  return jittered(Math.min(50 * 2 ** Math.min(attempt, 5), 1000));
}

/**
 * The time until the next try during an outage. If its end is announced, the next try is at its latest end: if the outage
 * still lasts then, it is too long.
 */
export function outageDelay({ left, announced }: Outage): number {
  return announced ? left + 1 : jittered(Math.min(OUTAGE_TRY, left + 1));
}

/** The jitter only adds time: a check must not be sent before the end that it waits for. */
function jittered(ms: number): number {
  return Math.max(1, ms) * (1 + Math.random() * 0.2);
}
