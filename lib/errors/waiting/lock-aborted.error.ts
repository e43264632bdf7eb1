import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/**
 * The caller's own signal ended the wait, or its client left. `cause` is the signal's reason.
 *
 * Under `abortOn: 'disconnect'` it is also the reason of a lock's signal whose client left while the method ran: the lock
 * is still held, and is given back when the method has settled.
 */
export class LockAbortedError extends LockError {
  readonly code = 'LOCK_ABORTED';

  constructor(
    readonly key: string,
    /** How long it had waited for the lock, in milliseconds. */
    readonly waited: number,
    reason: unknown,
    message = `Waiting for the lock ${quoted(key)} was aborted after ${Math.round(waited)} ms by its signal.`,
  ) {
    super(message, { cause: reason });
  }
}
