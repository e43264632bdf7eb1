import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/**
 * According to its async context, the caller runs under a hold of the key already. If it waited for that hold, it could
 * wait for itself.
 */
export class LockReentryError extends LockError {
  readonly code = 'LOCK_REENTRY';

  constructor(
    /** The key that is held. */
    readonly key: string,
    problem = `The lock ${quoted(key)} is held by this very call already, or by other work with an async context that this call inherited ` +
      '(through a shared queue, an event listener or a timer): it could wait for itself for ever. ' +
      'If it is part of that work: take the lock once, on the outside, and use LockService.current() within; or join ' +
      `that hold, with "reentry: 'join'" or "within: lock". ` +
      `If it is other work: let it wait like any other caller, with "reentry: 'wait'".`,
  ) {
    super(problem);
  }
}
