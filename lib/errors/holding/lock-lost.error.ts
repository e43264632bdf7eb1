import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/**
 * Why a hold ended before its release:
 *
 * - `expired`: the lease ended before a renewal succeeded.
 * - `not-owner`: the store has another owner of the key, or none.
 * - `max-hold`: the hold lasted for its `maxHold`.
 * - `shutdown`: the application shut down.
 * - `released`: this call had joined the hold of an outer call, and the outer call released it.
 * - `unconfirmed`: the known time of the lease is over, but the process computed for too long to read the reply to its
 *   renewal. Only `assertHeld()` gives this reason, and the reason is not final.
 */
export type LockLossReason =
  'expired' | 'not-owner' | 'max-hold' | 'shutdown' | 'released' | 'unconfirmed' | 'revoked';

const BECAUSE: Record<LockLossReason, string> = {
  expired: 'its lease ran out before a renewal succeeded',
  'not-owner':
    'the store no longer has it for this process (it was deleted, flushed, or taken by another client)',
  'max-hold': 'it reached its maxHold',
  shutdown: 'the application shut down',
  revoked: 'somebody released it by force ("forceRelease")',
  unconfirmed:
    'the known time of its lease is over, and the reply to its renewal was not read yet, because this process computed for long. ' +
    'After long computations, await "lock.extend()" in place of "assertHeld()", because it checks with the store',
  released:
    'the outer call that had taken it gave it back, and this call, which had joined it, was still running',
};

/** The lock was lost while it was held. Since then, another holder may have run at the same time. */
export class LockLostError extends LockError {
  readonly code = 'LOCK_LOST';

  constructor(
    readonly key: string,
    readonly reason: LockLossReason,
    /** How long the lock had been held, in milliseconds. */
    readonly held: number,
    /** The work's own error, if the work failed as well. */
    cause?: unknown,
  ) {
    super(
      `The lock ${quoted(key)} ${reason === 'unconfirmed' ? 'may be' : 'was'} lost after ${Math.round(held)} ms: ${BECAUSE[reason]}. ` +
        'Check what the work wrote since (compare fences), then repeat it.',
      cause === undefined ? undefined : { cause },
    );
  }
}
