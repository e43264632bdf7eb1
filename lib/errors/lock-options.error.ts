import { LockError } from './lock.error.js';

/** An option that cannot be meant: names it, its value, and what would be right. */
export class LockOptionsError extends LockError {
  readonly code = 'LOCK_OPTIONS';

  constructor(
    /** The option's path, such as `defaults.ttl`. */
    readonly option: string,
    /** What was given. */
    readonly value: unknown,
    problem: string,
  ) {
    super(problem);
  }
}
