import { LockError } from './lock.error.js';

/** The caller's own signal ended the wait. `cause` is the signal's reason. */
export class LockAbortedError extends LockError {
  readonly code = 'LOCK_ABORTED';

  constructor(
    readonly key: string,
    readonly waited: number,
    reason: unknown,
  ) {
    super(`Waiting for the lock "${key}" was aborted after ${Math.round(waited)} ms by its signal.`, {
      cause: reason,
    });
  }
}
