import { LockError } from '../lock.error.js';

/** What more is known of a key that was refused. */
export interface LockKeyDetails {
  readonly fault?: 'client' | 'code';
  readonly placeholder?: string;
  readonly cause?: unknown;
}

/** A key, or a value that a key is made of, that cannot name a lock. Nothing was locked and nothing was run. */
export class LockKeyError extends LockError {
  readonly code = 'LOCK_KEY';

  /**
   * What has to change: the request, as the client sent no usable value for a part of it that the key names, or the code.
   * The client of the former is answered 400, and nothing above debug is logged.
   */
  readonly fault: 'client' | 'code';

  /** The part of the request that a usable value is missing for, such as `{query.id}`, where it is the client's fault. */
  declare readonly placeholder?: string;

  constructor(
    /** The key, template or part that was refused, as it was written. */
    readonly key: string,
    problem: string,
    { fault = 'code', placeholder, cause }: LockKeyDetails = {},
  ) {
    super(problem, cause === undefined ? undefined : { cause });
    this.fault = fault;
    if (placeholder !== undefined) this.placeholder = placeholder;
  }
}
