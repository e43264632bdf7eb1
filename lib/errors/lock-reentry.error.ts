import { LockError } from './lock.error.js';

/** The caller already holds the key: waiting would be waiting for itself. */
export class LockReentryError extends LockError {
  readonly code = 'LOCK_REENTRY';

  constructor(readonly key: string) {
    super(
      `The lock "${key}" is held by this very call already, which would wait for itself. ` +
        'Take it once, on the outside, and use LockService.current() within.',
    );
  }
}
