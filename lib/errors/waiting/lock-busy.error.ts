import { LockError } from '../lock.error.js';
import { quoted } from '../quoted.js';

/** What is known of a holder without a question to its process. */
export interface KnownHolder {
  readonly held?: number;
  readonly label?: string;
  readonly waiting?: number;
}

/** Each lock of this library has an expiry, also while its holder renews it. */
const ENDLESS =
  'Its holder has no expiry, so it is no lock of this library: another program has written the key. A longer "wait" does ' +
  'not help. Let that program delete the key. If it is not in use any more, free it with "npx nestjs-locked release" ' +
  'or LockService.forceRelease().';

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
    /**
     * How long the holder's lease still runs, in milliseconds, if the store knows it. `Infinity` if another program has
     * written the key without an expiry.
     */
    readonly remaining?: number,
    /** What this process knows of the holder, if the holder is one of its own callers. */
    known: KnownHolder = {},
  ) {
    const by = holder === undefined ? '' : ` (held by ${quoted(holder)})`;
    const is = waited > 0 ? `stayed busy for ${Math.round(waited)} ms` : 'is busy';
    const wait = waited > 0 ? 'raise "wait"' : 'give "wait" to wait for it';
    super(
      `The lock ${quoted(key)} ${is}${by}. ${remaining === Infinity ? ENDLESS : `Try again later, or ${wait}.`}`,
    );
    this.held = known.held;
    this.label = known.label;
    this.waiting = known.waiting;
  }
}
