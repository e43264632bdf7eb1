import { LockError } from './lock.error.js';

/** A key, or a value that a key is made of, that cannot name a lock. Nothing was locked and nothing was run. */
export class LockKeyError extends LockError {
  readonly code = 'LOCK_KEY';

  constructor(
    /** The key, template or part that was refused, as it was written. */
    readonly key: string,
    problem: string,
  ) {
    super(problem);
  }
}
