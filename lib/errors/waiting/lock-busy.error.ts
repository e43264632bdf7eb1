import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/**
 * The key was held by another holder for the whole `wait` of the caller. This error is never a failure of the store.
 */
export class LockBusyError extends LockError {
  readonly code = 'LOCK_BUSY';

  constructor(
    /** The key that was busy. */
    readonly key: string,
    /** How long the caller waited, in milliseconds. */
    readonly waited: number,
    /** The holder's label, if the store knows it. */
    readonly holder?: string,
    /** How long the holder's lease still runs, in milliseconds, if the store knows it. */
    readonly remaining?: number,
  ) {
    const by = holder === undefined ? '' : ` (held by ${quoted(holder)})`;
    super(
      waited > 0
        ? `The lock ${quoted(key)} stayed busy for ${Math.round(waited)} ms${by}. Try again later, or raise "wait".`
        : `The lock ${quoted(key)} is busy${by}. Try again later, or give "wait" to wait for it.`,
    );
  }
}
