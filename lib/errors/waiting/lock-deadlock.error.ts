import { LockError } from '../lock.error.js';
import { quoted, quotedList } from '../quoted.js';

/** One caller of a deadlock: what it holds, and what it waits for, which the next one holds. */
export interface DeadlockLink {
  /** All that it holds, outermost first. */
  readonly holds: readonly string[];
  readonly wants: string;
  /** Where it requested: the lines of a stack trace, if they were recorded. */
  readonly site: string | undefined;
}

/**
 * Callers of this process wait for each other in a cycle, which this call would have closed: it was refused at once, and
 * the others go on as soon as it gives back what it holds.
 */
export class LockDeadlockError extends LockError {
  readonly code = 'LOCK_DEADLOCK';

  constructor(
    /** The key that could not be waited for. */
    readonly key: string,
    /** The cycle: this call first, each waiting for what the next one holds, the last for what this call holds. */
    readonly cycle: readonly DeadlockLink[],
  ) {
    super(
      `Waiting for the lock ${quoted(key)} would never end: ${cycle.map(told).join('; ')}. ` +
        'Take these keys in the same order everywhere, or all of them in one call, which sorts them.',
    );
    const others = cycle.slice(1).filter(({ site }) => site !== undefined);
    // Where a log shows it. Not in the message, which is one line.
    for (const { wants, site } of others)
      this.stack += `\nThe call that waits for ${quoted(wants)}:\n${site}`;
  }
}

function told({ holds, wants }: DeadlockLink, at: number): string {
  const who = at === 0 ? 'this call' : 'another call';
  return `${who} holds ${quotedList(holds)} and wants ${quoted(wants)}`;
}
