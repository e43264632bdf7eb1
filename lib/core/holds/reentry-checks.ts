/** What a call may do if it already runs under a lock on one of its keys. */
import { forCaller, LockAbortedError, LockNotHeldError, LockReentryError } from '../../errors/index.js';
import { quoted, quotedList } from '../../errors/quoted.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { HeldLock } from './lock.handle.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import type { Hold } from './hold.js';
import { compatibleKinds } from '../contracts/token.js';

/**
 * The holds that a call joins by `within`: those of the given lock that hold a key of the call.
 * @throws LockNotHeldError when the lock is over, or holds none of the keys.
 */
export function holdsWithin(lock: HeldLock, keys: readonly string[]): Hold[] {
  const held = keys.flatMap((key) => lock.rootOf(key) ?? []);
  const [first = ''] = keys;
  if (held.length === 0) {
    throw new LockNotHeldError(
      first,
      `The lock given as "within" holds ${quotedList(lock.keys)}, and not ${quoted(first)}. Give the lock that holds ${quoted(first)}, or leave "within" out.`,
    );
  }
  const over = held.find((hold) => lock.over || hold.released);
  if (over === undefined) return held;
  throw new LockNotHeldError(
    over.key,
    `The lock given as "within" has been released, so its hold of ${quoted(over.key)} cannot be joined. ` +
      'Await the inner call before the release, or leave "within" out to take the lock anew.',
  );
}

/**
 * Checks that a call may join a hold that it runs under.
 * @param within true if the call joins exactly this hold, by `within`.
 * @throws LockOptionsError when the two kinds of lock are not compatible.
 * @throws LockReentryError when a reader would become a writer, or the call was not told to join.
 */
export function checkReentry(hold: Hold, { access, reentry }: ResolvedAcquire, within: boolean): Hold {
  const { key } = hold;
  const held = hold.options.access.kind;
  if (!compatibleKinds(held, access.kind)) throw kindConflict(key, access, held);
  if (held === 'shared' && access.kind === 'exclusive') {
    throw new LockReentryError(
      key,
      `The lock ${quoted(key)} is already held by this call as a shared lock. A shared lock cannot become an exclusive one: ` +
        'the call would wait for all readers, and so for itself. Take the lock exclusively in the outer call, or release the ' +
        'shared lock first.',
    );
  }
  if (!within && reentry !== 'join') throw new LockReentryError(key);
  return hold;
}

/**
 * Checks that a call may join what it holds, and take its missing keys.
 * @throws LockLostError when one of the holds is lost.
 * @throws LockReentryError when a missing key sorts before a held key.
 * @throws LockAbortedError when the signal has aborted.
 */
export function checkJoin(
  held: readonly Hold[],
  [first]: readonly string[],
  signal: ResolvedAcquire['signal'],
): void {
  for (const hold of held) {
    hold.loseIfOver();
    if (hold.lost !== undefined) throw forCaller(hold.lost);
    // Both lists are sorted. Other calls take keys in this order, so two calls could wait for each other for ever.
    if (first !== undefined && first < hold.key) {
      throw new LockReentryError(
        hold.key,
        `The lock ${quoted(hold.key)} is already held by this call, but ${quoted(first)} is not, and sorts before it. If keys ` +
          'are taken in this order, two processes could wait for each other for ever. Take both keys in the outer call.',
      );
    }
  }
  if (signal?.aborted) throw new LockAbortedError(held[0].key, 0, signal.reason);
}
