import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/** The application is shutting down and takes no more locks. */
export class LockShutdownError extends LockError {
  readonly code = 'LOCK_SHUTDOWN';

  constructor(readonly key?: string) {
    super(
      `The application is shutting down and takes no more locks${key === undefined ? '' : ` (${quoted(key)})`}. ` +
        'Send the request to another instance.',
    );
  }
}
