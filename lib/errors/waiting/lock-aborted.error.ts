import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/**
 * The caller's own signal ended the wait, or the client of the caller disconnected. `cause` is the signal's reason.
 *
 * Under `abortOn: 'disconnect'`, this error is also the reason of the lock's signal if the client disconnects while the
 * method runs. The lock is then still held, and is released when the method has settled.
 */
export class LockAbortedError extends LockError {
  readonly code = 'LOCK_ABORTED';

  constructor(
    readonly key: string,
    /** How long the caller had waited for the lock, in milliseconds. */
    readonly waited: number,
    reason: unknown,
    message = `Waiting for the lock ${quoted(key)} was aborted after ${Math.round(waited)} ms by its signal.`,
  ) {
    super(message, { cause: reason });
  }
}
