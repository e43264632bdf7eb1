import { LockError } from '../lock.error.js';

/** A decorated method cannot reach its LockService, so the method fails and does not run without a lock. */
export class LockWiringError extends LockError {
  readonly code = 'LOCK_WIRING';
}
