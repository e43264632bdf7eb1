/** Which waiters of a key are refused, and why. */
import { LockBusyError, LockStoreError, quoted } from '../../errors/index.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import { ownerOf } from '../contracts/token.js';
import { observed } from '../events/diagnostics.js';
import type { Waiter } from '../queue/waiter.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { CallerEffect } from '../requests/request-table.js';
import type { KeyParts } from './key-parts.js';

/** How long the verbs of a store take that does not say so, in ms. */
const VERB_TIMEOUT = 10_000;
/** The time that an overdue verb is given to fail by itself, in ms. */
const MARGIN = 250;

type RefusalEffect = Extract<CallerEffect, `refuse ${string}`>;

/**
 * The time of a waiter is over. If a reply is awaited, the reply may be a grant, which a longer wait would have got too. So
 * the waiter stays for the reply, which the store's time-out bounds.
 */
export function waiterDue(waiter: Waiter, parts: KeyParts): void {
  const { key, known, clock, context, queue } = parts;
  if (known.failure !== undefined) waiter.refuse(known.failure);
  else if (isBusyFor(waiter, parts)) waiter.refuse(busy(waiter.waited, parts));
  else if (waiter.overdue) waiter.refuse(unanswered(key, known.unansweredFor(clock) || waiter.waited));
  else queue.stayForReply(waiter, (context.session.verbTimeout ?? VERB_TIMEOUT) + MARGIN);
}

/** True if the key is held here, or known to be busy, and no reply is awaited that could say otherwise. */
function isBusyFor(waiter: Waiter, { batches, queue, known }: KeyParts): boolean {
  if (batches.entering) return false;
  if (batches.exclusive !== undefined) return true;
  return queue.informed(waiter) && !known.awaitsReply;
}

/** The waiters that an effect concerns. */
export function concerned(
  effect: RefusalEffect,
  request: PendingRequest | undefined,
  { queue }: KeyParts,
): readonly Waiter[] {
  switch (effect) {
    case 'refuse conflict':
      // Only the callers of the request: the others' requests are answered by how the key stands then.
      return queue.select(({ number }) => request !== undefined && number <= request.upTo);
    case 'refuse uninformed':
      return queue.select((waiter) => waiter.overdue || !queue.informed(waiter));
    case 'refuse overdue':
      return queue.overdue();
    case 'refuse all':
      return queue.select(() => true);
  }
}

/** Why the callers of a request cannot be served beside the kind that the store has named. */
export function conflictOf({ access }: PendingRequest, { key, known }: KeyParts): Error {
  return kindConflict(key, access, known.conflict ?? access.kind);
}

/** The error of a caller that waited so long, in ms. */
export function busy(waited: number, { key, known, batches }: KeyParts): LockBusyError {
  const lease = batches.exclusive?.lease;
  const holder = lease?.token ?? known.holder?.holder ?? '';
  const remaining = lease?.remaining ?? known.holder?.remaining;
  return new LockBusyError(key, waited, holder === '' ? undefined : ownerOf(holder), remaining);
}

/** Every waiter knows from now on that the key is busy. */
export function tellBusy({ key, queue, context }: KeyParts): void {
  const wait = { name: 'wait', key } as const;
  queue.inform(observed('wait') ? () => context.events.emit('wait', () => wait) : undefined);
}

/** The error of a caller that had a lease, which ended before its hold could begin. */
export function tooLate(key: string): LockStoreError {
  return new LockStoreError(
    `The store answered so late that the lease of the lock ${quoted(key)} was over before its work began, or could not be ` +
      'renewed in time. Check the connection to Redis, or raise "ttl".',
  );
}

/** The error of a caller that stayed past its deadline for a reply. @param ms for how long no reply has come. */
export function unanswered(key: string, ms: number): LockStoreError {
  return new LockStoreError(
    `The store has not answered for ${Math.round(ms)} ms: whether the lock ${quoted(key)} is free is ` +
      'not known. Check the connection to Redis.',
  );
}
