import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/** Already `maxWaiters` callers of this process wait for the key. */
export class LockQueueFullError extends LockError {
  readonly code = 'LOCK_QUEUE_FULL';

  constructor(
    readonly key: string,
    /** The module's `maxWaiters`. */
    readonly maxWaiters: number,
  ) {
    super(
      `${maxWaiters} callers of this process already wait for the lock ${quoted(key)}. Shed the load, or raise "maxWaiters".`,
    );
  }
}
