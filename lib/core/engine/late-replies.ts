/** Errors of callers that a reply of the store reached too late, or not at all. */
import { LockStoreError, quoted } from '../../errors/index.js';

/** The error of a caller that had a lease, which ended before its hold could begin. */
export function tooLate(key: string): LockStoreError {
  return new LockStoreError(
    `The store answered so late that the lease of the lock ${quoted(key)} was over before its work began, or could not be ` +
      'renewed in time. Check the connection to Redis, or raise "ttl".',
  );
}

/** The error of a caller that stayed past its deadline for a reply. @param ms for how long no reply has come. */
export function silent(key: string, ms: number): LockStoreError {
  return new LockStoreError(
    `The store has not answered for ${Math.round(ms)} ms: whether the lock ${quoted(key)} is free is ` +
      'not known. Check the connection to Redis.',
  );
}
