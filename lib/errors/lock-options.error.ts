import { LockError } from './lock.error.js';

/** An option that cannot be meant: names it, its value, and what would be right. */
export class LockOptionsError extends LockError {
  readonly code = 'LOCK_OPTIONS';

  /** What was given. Not enumerable, so that no log prints an object that has a password in it. */
  declare readonly value: unknown;

  constructor(
    /** The option's path, such as `defaults.ttl`. */
    readonly option: string,
    value: unknown,
    problem: string,
  ) {
    super(problem);
    Object.defineProperty(this, 'value', { value });
  }
}
