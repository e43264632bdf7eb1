/** The decorator `@ApiLocked()`. */
import { SetMetadata } from '@nestjs/common';
import { badOption, checkNames, checkObject } from '../core/options/option-checks.js';
import { isBusyStatus } from '../error-mapping/busy-status.js';

/** The options of {@link ApiLocked}. */
export interface ApiLockedOptions {
  /** The HTTP status if the lock is busy. @default the module's `http.busyStatus`, 423 */
  busyStatus?: number;
}

const OPTIONS = Symbol.for('nestjs-locked.api-locked');
const KNOWN = new Set(['busyStatus']);

/**
 * Marks a handler that calls locked services, or a controller with such handlers. `documentLocks` then adds the answers
 * of a busy lock and of a failing store to the document. A handler with `@Locked` needs no mark.
 * @throws LockOptionsError for an invalid option.
 */
export function ApiLocked(options: ApiLockedOptions = {}): ClassDecorator & MethodDecorator {
  checkObject('options', options);
  checkNames('', options, KNOWN);
  const { busyStatus } = options;
  if (busyStatus !== undefined && !isBusyStatus(busyStatus)) {
    throw badOption('busyStatus', busyStatus, 'an HTTP status from 400 to 599, such as 423, 409 or 503');
  }
  return SetMetadata(OPTIONS, { busyStatus });
}

/** The options of the mark on a handler or on a controller. Undefined without a mark. */
export function apiLockedOn(target: object): ApiLockedOptions | undefined {
  return Reflect.getMetadata(OPTIONS, target) as ApiLockedOptions | undefined;
}
