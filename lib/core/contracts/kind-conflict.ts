/** The error for a caller that gives a key another kind than the other callers of the key. */
import { LockOptionsError, quoted } from '../../errors/index.js';
import type { LockKind, LockAccess } from './token.js';

/** @param there the kind of the locks that hold the key, or wait for it, in this process or another. */
export function kindConflict(key: string, { kind, limit }: LockAccess, there: LockKind): LockOptionsError {
  if (kind === 'semaphore') {
    const given = there === 'shared' ? `"mode": 'shared'` : 'no "limit"';
    return new LockOptionsError(
      'limit',
      limit,
      `"limit": ${limit} requests the lock ${quoted(key)} as a semaphore, but other callers take it as ${withArticle(there)} ` +
        `lock, with ${given}. A key has one kind: leave "limit" out here, or give the semaphore another key.`,
    );
  }
  return new LockOptionsError(
    'mode',
    kind,
    `"mode": '${kind}'${kind === 'exclusive' ? ' (the default)' : ''} requests the lock ${quoted(key)} as ${withArticle(kind)} lock, ` +
      'but other callers take it as a semaphore, with a "limit". A key has one kind: give the same "limit" here, or give ' +
      'this lock another key.',
  );
}

function withArticle(kind: LockKind): string {
  return kind === 'exclusive' ? `an ${kind}` : `a ${kind}`;
}
