import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/** Code that needs a lock runs without one. */
export class LockNotHeldError extends LockError {
  readonly code = 'LOCK_NOT_HELD';

  constructor(
    readonly key?: string,
    message = key === undefined
      ? 'No lock is held here. Call this inside @Locked or LockService.using().'
      : `The lock ${quoted(key)} is not held here. Call this inside @Locked or LockService.using() for that key, before its release.`,
  ) {
    super(message);
  }
}
