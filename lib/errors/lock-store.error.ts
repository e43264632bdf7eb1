import { LockError } from './lock.error.js';

/**
 * The store failed or did not answer, so it is not known whether the key is free. `cause` is the error of the store.
 */
export class LockStoreError extends LockError {
  readonly code = 'LOCK_STORE';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
