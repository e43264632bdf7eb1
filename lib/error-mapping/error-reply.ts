/** What a client is told of each lock error: a status, a code, a neutral sentence. Never a key, a token, a holder. */
import type { LockBusyError, LockError, LockErrorCode, LockKeyError } from '../errors/index.js';
import { busyStatusOf } from './busy-status.js';

export interface ErrorReply {
  readonly status: number;
  readonly code: LockErrorCode;
  readonly message: string;
  /** In whole seconds, at least 1; undefined where trying again is no cure. */
  readonly retryAfter: number | undefined;
  /** A mistake of the application's, not a state of its locks: nobody would read of it otherwise. */
  readonly mistake: boolean;
}

const BUSY = 'The resource is in use. Try again in a moment.';
const UNAVAILABLE = 'The service is unavailable for now. Try again in a moment.';
const FAILED = 'The request could not be completed.';
const LOST =
  'The request lost its claim to the resource while it ran. Check its outcome before you repeat it.';

/** @param busyStatus the module's, where the error does not bring its decorator's. */
export function replyTo(error: LockError, busyStatus: number): ErrorReply {
  const { code } = error;
  switch (code) {
    case 'LOCK_BUSY': {
      const status = busyStatusOf(error) ?? busyStatus;
      const { remaining } = error as LockBusyError;
      return { status, code, message: BUSY, retryAfter: seconds(remaining), mistake: false };
    }
    case 'LOCK_QUEUE_FULL':
    case 'LOCK_ABORTED':
    case 'LOCK_STORE':
    case 'LOCK_SHUTDOWN':
      return { status: 503, code, message: UNAVAILABLE, retryAfter: 1, mistake: false };
    // It goes through when it is tried again; the application's order of keys is to be mended all the same.
    case 'LOCK_DEADLOCK':
      return { status: 503, code, message: UNAVAILABLE, retryAfter: 1, mistake: true };
    case 'LOCK_LOST':
      return { status: 500, code, message: LOST, retryAfter: undefined, mistake: false };
    case 'LOCK_KEY': {
      const { fault, placeholder = 'a part of it' } = error as LockKeyError;
      if (fault !== 'client')
        return { status: 500, code, message: FAILED, retryAfter: undefined, mistake: true };
      return { status: 400, code, message: unusable(placeholder), retryAfter: undefined, mistake: false };
    }
    // And any code of another version of this package.
    case 'LOCK_REENTRY':
    case 'LOCK_NOT_HELD':
    case 'LOCK_OPTIONS':
    case 'LOCK_WIRING':
    default:
      return { status: 500, code, message: FAILED, retryAfter: undefined, mistake: true };
  }
}

/** The client knows the parts of its request; the key that this one is for is not told. */
function unusable(placeholder: string): string {
  return `The request has no usable value for ${placeholder}. Send it once, not empty, as a single value.`;
}

/** A holder without an expiry, or one unknown, may be done at any time. */
function seconds(remaining: number | undefined): number {
  return remaining === undefined || !Number.isFinite(remaining)
    ? 1
    : Math.max(1, Math.ceil(remaining / 1000));
}
