import { LockError } from './lock.error.js';

/** The store failed or did not answer: whether the key is free is not known. `cause` is what it said. */
export class LockStoreError extends LockError {
  readonly code = 'LOCK_STORE';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
