/** Which waiters of a key are refused, and why. */
import { forCaller, LockBusyError, LockStoreError, quoted } from '../../errors/index.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import { ownerOf } from '../contracts/token.js';
import { observed, publish } from '../events/diagnostics.js';
import { tracing } from '../events/tracer.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import { type CallerFacts, callerFacts } from '../options/origin.js';
import type { Waiter } from '../queue/waiter.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { CallerEffect } from '../requests/request-table.js';
import type { KeyParts } from './key-parts.js';

/** The longest time of a verb, in ms, if the store states none. */
const VERB_TIMEOUT = 10_000;
/** How much longer a waiter stays, in ms, so that an overdue verb can fail by itself. */
const MARGIN = 250;

type RefusalEffect = Extract<CallerEffect, `refuse ${string}`>;

/**
 * The deadline of a waiter has come. If a reply is awaited, it may be a grant, so the waiter stays for the reply. The
 * store's time-out bounds that time.
 */
export function waiterDue(waiter: Waiter, parts: KeyParts): void {
  const { key, known, clock, context, queue } = parts;
  if (known.failure !== undefined) waiter.refuse(known.failure);
  else if (isBusyFor(waiter, parts)) waiter.refuse(busy(waiter.waited, parts));
  else if (waiter.overdue) waiter.refuse(unanswered(key, known.unansweredFor(clock) || waiter.waited));
  else queue.stayForReply(waiter, (context.session.verbTimeout ?? VERB_TIMEOUT) + MARGIN);
}

/** True if the key is held here, or is known to be busy while no reply is awaited that could be a grant. */
function isBusyFor(waiter: Waiter, { batches, queue, known }: KeyParts): boolean {
  if (batches.entering) return false;
  if (batches.exclusive !== undefined) return true;
  return queue.informed(waiter) && !known.awaitsReply;
}

/** The waiters that are refused by an effect. */
export function concerned(
  effect: RefusalEffect,
  request: PendingRequest | undefined,
  { queue }: KeyParts,
): readonly Waiter[] {
  switch (effect) {
    case 'refuse conflict':
      // Only the callers of the request. By the time of a request for the others, the key may have another kind.
      return queue.select(({ number }) => request !== undefined && number <= request.upTo);
    case 'refuse uninformed':
      return queue.select((waiter) => waiter.overdue || !queue.informed(waiter));
    case 'refuse overdue':
      return queue.overdue();
    case 'refuse all':
      return queue.select(() => true);
  }
}

/** The error of callers with a kind that is not compatible with the kind that the store has named. */
export function conflictOf({ access }: PendingRequest, { key, known }: KeyParts): Error {
  return kindConflict(key, access, known.conflict ?? access.kind);
}

/** The error of a caller that has waited for a busy key. @param waited in ms. */
export function busy(waited: number, { key, known, batches, queue }: KeyParts): LockBusyError {
  const lease = batches.exclusive?.lease;
  const hold = batches.exclusive?.running[0];
  const holder = lease?.token ?? known.holder?.holder ?? '';
  const remaining = lease?.remaining ?? known.holder?.remaining;
  // A caller that has waited is in the queue still.
  const waiting = Math.max(0, queue.size - (waited > 0 ? 1 : 0));
  const facts = { held: hold?.age, label: hold?.options.origin?.label, waiting };
  return new LockBusyError(key, waited, holder === '' ? undefined : ownerOf(holder), remaining, facts);
}

/** From now on, every waiter knows that the key is busy. */
export function tellBusy({ key, queue, context }: KeyParts): void {
  if (!observed('wait') && tracing.tracer === undefined) return queue.inform();
  queue.inform(({ options }) => {
    if (options.call !== undefined) options.call.contended = true;
    context.events.emit('wait', () => ({ name: 'wait', key, ...callerFacts(options) }));
  });
}

/** The error of a caller that had a lease, which ended before its hold could begin. */
export function tooLate(key: string): LockStoreError {
  return new LockStoreError(
    `The store answered so late that the lease of the lock ${quoted(key)} was over before its work began, or could not be ` +
      'renewed in time. Check the connection to Redis, or raise "ttl".',
  );
}

/** The error of a caller that stayed after its deadline for a reply. @param ms for how long no reply has come. */
export function unanswered(key: string, ms: number): LockStoreError {
  return new LockStoreError(
    `The store has not answered for ${Math.round(ms)} ms: it is not known whether the lock ${quoted(key)} is free. ` +
      'Check the connection to Redis.',
  );
}

/** Publishes a refusal as busy, and throws the error for the code that has called. */
export function refused(
  error: unknown,
  options: ResolvedAcquire,
  inspector: { refused(key: string, waited: number, facts: CallerFacts): void },
): never {
  if (error instanceof LockBusyError) {
    const [{ key, waited }, facts] = [error, callerFacts(options)];
    if (observed('busy')) publish({ name: 'busy', key, waited, ...facts });
    if (waited > 0) inspector.refused(key, waited, facts);
  }
  throw forCaller(error);
}
