import { LockError } from '../lock.error.js';
import { namesSecret, redactUrl } from '../redact.js';

/** An invalid option. The message names the option and the valid values. */
export class LockOptionsError extends LockError {
  readonly code = 'LOCK_OPTIONS';

  /**
   * The given value, if it cannot contain a secret: a string without its credentials, a number, a boolean, or null.
   * Undefined for an object, for an unknown option, and for an option that is named like a secret. Not enumerable.
   */
  declare readonly value: unknown;

  constructor(
    /** The option's path, such as `defaults.ttl`. */
    readonly option: string,
    value: unknown,
    problem: string,
  ) {
    super(problem);
    Object.defineProperty(this, 'value', { value: namesSecret(option) ? undefined : shownOf(value) });
  }
}

function shownOf(value: unknown): unknown {
  if (typeof value === 'string') return redactUrl(value);
  return Object(value) === value ? undefined : value;
}
