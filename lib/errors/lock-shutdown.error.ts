import { LockError } from './lock.error.js';

/** The application is shutting down and takes no more locks. */
export class LockShutdownError extends LockError {
  readonly code = 'LOCK_SHUTDOWN';

  constructor(readonly key?: string) {
    super(
      `The application is shutting down and takes no more locks${key === undefined ? '' : ` ("${key}")`}. ` +
        'Send the request to another instance.',
    );
  }
}
