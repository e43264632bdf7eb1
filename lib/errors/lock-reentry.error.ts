import { LockError } from './lock.error.js';
import { quoted } from './quoted.js';

/** The caller already holds the key: waiting would be waiting for itself. */
export class LockReentryError extends LockError {
  readonly code = 'LOCK_REENTRY';

  constructor(
    /** The key that is held. */
    readonly key: string,
    problem = `The lock ${quoted(key)} is held by this very call already, which would wait for itself. ` +
      'Take it once, on the outside, and use LockService.current() within; or join it, with "reentrant: true".',
  ) {
    super(problem);
  }
}
