import { LockError } from '../lock.error.js';
import { namesSecret, redactUrl } from '../redact.js';

/** An option that cannot be meant: names it, and what would be right. */
export class LockOptionsError extends LockError {
  readonly code = 'LOCK_OPTIONS';

  /**
   * What was given, where it can hold no secret: a string without credentials, a number, a boolean, null. Undefined for an
   * object, for an option that is not known, and for one that is named like a secret. Not enumerable.
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
