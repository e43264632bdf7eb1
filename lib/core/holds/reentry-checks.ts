/** What a call may do about keys that it runs under already. */
import { forCaller, LockAbortedError, LockNotHeldError, LockReentryError } from '../../errors/index.js';
import { quoted, quotedList } from '../../errors/quoted.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { HeldLock } from './lock.handle.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import type { Hold } from './hold.js';
import { compatibleKinds } from '../contracts/token.js';

/**
 * The holds of a lock that a call is to join by `within`, for those of its keys that the lock holds.
 * @throws LockNotHeldError when it is over, or holds none of them.
 */
export function holdsWithin(lock: HeldLock, keys: readonly string[]): Hold[] {
  const held = keys.flatMap((key) => lock.rootOf(key) ?? []);
  const [first = ''] = keys;
  if (held.length === 0) {
    throw new LockNotHeldError(
      first,
      `The lock given as "within" holds ${quotedList(lock.keys)}, and not ${quoted(first)}. Give the lock that holds it, or leave "within" out.`,
    );
  }
  const over = held.find((hold) => lock.over || hold.released);
  if (over === undefined) return held;
  throw new LockNotHeldError(
    over.key,
    `The lock given as "within" has been released, so its hold of ${quoted(over.key)} cannot be joined. ` +
      'Await the inner call before the release, or leave "within" out, to take the lock anew.',
  );
}

/**
 * @param within was the call told to join this very hold?
 * @throws what keeps a caller from joining what it runs under, by whatever kind of lock.
 */
export function checkReentry(hold: Hold, { access, reentry }: ResolvedAcquire, within: boolean): Hold {
  const { key } = hold;
  const held = hold.options.access.kind;
  if (!compatibleKinds(held, access.kind)) throw kindConflict(key, access, held);
  if (held === 'shared' && access.kind === 'exclusive') {
    throw new LockReentryError(
      key,
      `The lock ${quoted(key)} is held by this very call already as a shared one, which cannot become an exclusive one: it would ` +
        `wait for all who share it, and so for itself. Take it exclusively on the outside, or end the shared one first.`,
    );
  }
  if (!within && reentry !== 'join') throw new LockReentryError(key);
  return hold;
}

/** @throws what keeps a caller from joining what it holds of several keys, or of one. */
export function checkJoin(
  held: readonly Hold[],
  [first]: readonly string[],
  signal: AbortSignal | undefined,
): void {
  for (const hold of held) {
    hold.loseIfOver();
    if (hold.lost !== undefined) throw forCaller(hold.lost);
    // Both sorted. Elsewhere they are taken in order, and two such callers could wait for each other for ever.
    if (first !== undefined && first < hold.key) {
      throw new LockReentryError(
        hold.key,
        `The lock ${quoted(hold.key)} is held by this very call already, and ${quoted(first)}, which sorts before it, is not: ` +
          'taken in this order, they could wait for another process for ever. Take both on the outside, in one call.',
      );
    }
  }
  if (signal?.aborted) throw new LockAbortedError(held[0].key, 0, signal.reason);
}
