import { LockError } from '../lock.error.js';

/** A decorated method cannot reach its LockService: it fails instead of running unlocked. */
export class LockWiringError extends LockError {
  readonly code = 'LOCK_WIRING';
}
