import { LockError } from '../lock.error.js';
import { quoted, quotedList } from '../quoted.js';

/** One caller of a deadlock. It waits for a key that the next caller of the cycle holds. */
export interface DeadlockLink {
  /** All keys that the caller holds, the outermost first. */
  readonly holds: readonly string[];
  /** The key that the caller waits for. */
  readonly wants: string;
  /** The stack trace of the place where the caller requested the key, if it was recorded. */
  readonly site: string | undefined;
}

/**
 * This call would have closed a cycle of callers of this process that wait for each other. The call was refused at
 * once. The other callers go on when this call has released the locks that it holds.
 */
export class LockDeadlockError extends LockError {
  readonly code = 'LOCK_DEADLOCK';

  constructor(
    /** The key that could not be waited for. */
    readonly key: string,
    /**
     * The cycle, with this call first. Each caller waits for a key of the next one, and the last for a key of this
     * call.
     */
    readonly cycle: readonly DeadlockLink[],
  ) {
    super(
      `Waiting for the lock ${quoted(key)} would never end: ${cycle.map(describeLink).join('; ')}. ` +
        'Take these keys in the same order everywhere, or all of them in one call, which sorts them.',
    );
    const others = cycle.slice(1).filter(({ site }) => site !== undefined);
    // The sites are added to the stack, which a log shows, and not to the message, which is on one line.
    for (const { wants, site } of others)
      this.stack += `\nThe call that waits for ${quoted(wants)}:\n${site}`;
  }
}

function describeLink({ holds, wants }: DeadlockLink, at: number): string {
  const caller = at === 0 ? 'this call' : 'another call';
  return `${caller} holds ${quotedList(holds)} and wants ${quoted(wants)}`;
}
