import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/** What is known of a holder without a question to its process. */
export interface KnownHolder {
  readonly held?: number;
  readonly label?: string;
  readonly waiting?: number;
}

/**
 * The key was held by another holder for the whole `wait` of the caller. This error is never a failure of the store.
 */
export class LockBusyError extends LockError {
  readonly code = 'LOCK_BUSY';
  /** For how long the holder has held the key, in milliseconds, if the holder is a caller of this process. */
  readonly held?: number;
  /** The decorated method of the holder, if the holder is a caller of this process. */
  readonly label?: string;
  /** How many other callers of this process wait for the key, if that is known. */
  readonly waiting?: number;

  constructor(
    /** The key that was busy. */
    readonly key: string,
    /** How long the caller waited, in milliseconds. */
    readonly waited: number,
    /** The holder's label, if the store knows it. */
    readonly holder?: string,
    /** How long the holder's lease still runs, in milliseconds, if the store knows it. */
    readonly remaining?: number,
    /** What this process knows of the holder, if the holder is one of its own callers. */
    known: KnownHolder = {},
  ) {
    const by = holder === undefined ? '' : ` (held by ${quoted(holder)})`;
    super(
      waited > 0
        ? `The lock ${quoted(key)} stayed busy for ${Math.round(waited)} ms${by}. Try again later, or raise "wait".`
        : `The lock ${quoted(key)} is busy${by}. Try again later, or give "wait" to wait for it.`,
    );
    this.held = known.held;
    this.label = known.label;
    this.waiting = known.waiting;
  }
}
