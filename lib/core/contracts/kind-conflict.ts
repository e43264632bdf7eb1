/** The error for a caller whose kind of lock does not go with what is there under the same name. */
import { LockOptionsError, quoted } from '../../errors/index.js';
import type { LockKind, LockAccess } from './token.js';

/** @param there the kind of those that hold the key, or wait for it, in this process or another. */
export function kindConflict(key: string, { kind, limit }: LockAccess, there: LockKind): LockOptionsError {
  if (kind === 'semaphore') {
    const mode = there === 'shared' ? `mode: 'shared'` : 'no "limit"';
    return new LockOptionsError(
      'limit',
      limit,
      `"limit": ${limit} asks for the lock ${quoted(key)} as a semaphore, and it is taken as ${withArticle(there)} lock by ` +
        `other callers, who give ${mode}. A name is of one kind: leave "limit" out here, or give the semaphore another key.`,
    );
  }
  return new LockOptionsError(
    'mode',
    kind,
    `"mode": '${kind}'${kind === 'exclusive' ? ' (the default)' : ''} asks for the lock ${quoted(key)} as ${withArticle(kind)} lock, ` +
      'and it is taken as a semaphore by other callers, who give a "limit". A name is of one kind: give the same "limit" ' +
      'here, or give this lock another key.',
  );
}

function withArticle(kind: LockKind): string {
  return kind === 'exclusive' ? `an ${kind}` : `a ${kind}`;
}
