import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/**
 * Why a hold ended before its release: its lease ran out unrenewed, the store named another owner (or none),
 * `maxHold` was reached, the application shut down, or it had joined the hold of an outer call, which gave it back.
 *
 * `unconfirmed` comes from `assertHeld()` alone, and is not final. The process computed for so long that the known time of
 * the lease is over, and the reply to its renewal was not read yet.
 */
export type LockLossReason = 'expired' | 'not-owner' | 'max-hold' | 'shutdown' | 'released' | 'unconfirmed';

const BECAUSE: Record<LockLossReason, string> = {
  expired: 'its lease ran out before a renewal succeeded',
  'not-owner': 'the store no longer holds it for us (deleted, flushed, or taken by somebody else)',
  'max-hold': 'it reached its maxHold',
  shutdown: 'the application shut down',
  unconfirmed:
    'the known time of its lease is over, and the reply to its renewal was not read yet, as this process computed for long. ' +
    'Await "lock.extend()" in place of "assertHeld()" after long computations: it asks the store',
  released: 'the outer call that had taken it gave it back, and this one, which had joined it, went on',
};

/** The lock was lost while it was held: another holder may have run at the same time since. */
export class LockLostError extends LockError {
  readonly code = 'LOCK_LOST';

  constructor(
    readonly key: string,
    readonly reason: LockLossReason,
    /** How long it had been held, in milliseconds. */
    readonly held: number,
    /** The work's own error, when it failed too. */
    cause?: unknown,
  ) {
    super(
      `The lock ${quoted(key)} ${reason === 'unconfirmed' ? 'may be' : 'was'} lost after ${Math.round(held)} ms: ${BECAUSE[reason]}. ` +
        'Check what the work wrote since (compare fences), then repeat it.',
      cause === undefined ? undefined : { cause },
    );
  }
}
