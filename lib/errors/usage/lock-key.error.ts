import { LockError } from '../lock.error.js';

/** The details of a key that was refused. */
export interface LockKeyDetails {
  readonly fault?: 'client' | 'code';
  readonly placeholder?: string;
  readonly cause?: unknown;
}

/** A key, or a value in a key, cannot name a lock. Nothing was locked and nothing was run. */
export class LockKeyError extends LockError {
  readonly code = 'LOCK_KEY';

  /**
   * The cause of the error. `client`: the client sent no usable value for a part of the request that the key names. The
   * client gets status 400, and nothing above the level debug is logged. `code`: the code of the application is wrong.
   */
  readonly fault: 'client' | 'code';

  /** The part of the request without a usable value, such as `{query.id}`. Only present if `fault` is `client`. */
  declare readonly placeholder?: string;

  constructor(
    /** The key, the template or the part that was refused, as it is in the code. */
    readonly key: string,
    problem: string,
    { fault = 'code', placeholder, cause }: LockKeyDetails = {},
  ) {
    super(problem, cause === undefined ? undefined : { cause });
    this.fault = fault;
    if (placeholder !== undefined) this.placeholder = placeholder;
  }
}
