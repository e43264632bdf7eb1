/** The base of every error of this library: a literal code, a brand that survives duplicate installs. */

const BRAND = Symbol.for('nestjs-locked.error');

/** The codes of all errors, one a class. */
export type LockErrorCode =
  | 'LOCK_BUSY'
  | 'LOCK_QUEUE_FULL'
  | 'LOCK_LOST'
  | 'LOCK_ABORTED'
  | 'LOCK_KEY'
  | 'LOCK_REENTRY'
  | 'LOCK_DEADLOCK'
  | 'LOCK_NOT_HELD'
  | 'LOCK_STORE'
  | 'LOCK_SHUTDOWN'
  | 'LOCK_OPTIONS'
  | 'LOCK_WIRING';

/**
 * Every error this library throws of its own. Test for it with {@link isLockError}: `instanceof` fails when two
 * copies of the package are installed.
 */
export abstract class LockError extends Error {
  abstract readonly code: LockErrorCode;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true, writable: true });
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Is `error` of this library, and, with a code, of that kind? */
export function isLockError<C extends LockErrorCode>(
  error: unknown,
  code?: C,
): error is LockError & { code: C } {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as { code?: unknown }).code === code;
}
