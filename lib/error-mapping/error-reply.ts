/**
 * What a client learns about each lock error: a status, a code and a neutral sentence. A reply never contains a key, a
 * token or a holder.
 */
import type { LockBusyError, LockError, LockErrorCode, LockKeyError } from '../errors/index.js';
import { busyStatusOf } from './busy-status.js';

export interface ErrorReply {
  readonly status: number;
  readonly code: LockErrorCode;
  readonly message: string;
  /** In whole seconds, at least 1. Undefined if another try cannot help. */
  readonly retryAfter: number | undefined;
  /**
   * Whether the error is a mistake of the application. Such an error is logged, because the client learns nothing about
   * it.
   */
  readonly mistake: boolean;
}

const BUSY = 'The resource is in use. Try again in a moment.';
const UNAVAILABLE = 'The service is unavailable for now. Try again in a moment.';
const FAILED = 'The request could not be completed.';
const LOST =
  'The request lost its claim to the resource while it ran. Check its outcome before you repeat it.';

/** @param busyStatus the status of a busy lock, unless its `@Locked` has a `busyStatus`. */
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
    // Another try can succeed. But the application acquires its keys in different orders, which is a mistake.
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
    // The default is for codes of other versions of this package.
    case 'LOCK_REENTRY':
    case 'LOCK_NOT_HELD':
    case 'LOCK_OPTIONS':
    case 'LOCK_WIRING':
    default:
      return { status: 500, code, message: FAILED, retryAfter: undefined, mistake: true };
  }
}

/** The client knows the parts of its request. The reply does not contain the key. */
function unusable(placeholder: string): string {
  return `The request has no usable value for ${placeholder}. Send it once, not empty, as a single value.`;
}

/** If the holder has no expiry, or if the expiry is unknown, the key may become free at any time: 1 second. */
function seconds(remaining: number | undefined): number {
  return remaining === undefined || !Number.isFinite(remaining)
    ? 1
    : Math.max(1, Math.ceil(remaining / 1000));
}
