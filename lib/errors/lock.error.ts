/** The base of every error of this library. It has a literal code, and a mark that all copies of the package know. */

const BRAND = Symbol.for('nestjs-locked.error');

/** The codes of all errors. Each class has one code. */
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
 * The class of every error that this library throws. Test with {@link isLockError}, because `instanceof` fails if two
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

/** Whether `error` is an error of this library. With `code`, whether it also has that code. */
export function isLockError<C extends LockErrorCode>(
  error: unknown,
  code?: C,
): error is LockError & { code: C } {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as { code?: unknown }).code === code;
}
