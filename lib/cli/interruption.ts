/** The early end of a command, by a signal or by a pipe that its reader has closed. */
import { DONE, INTERRUPTED, TERMINATED } from './exit-codes.js';
import type { Ending, Terminal } from './terminal.js';

/** The command has ended before its task has. */
export class Interruption extends Error {
  constructor(readonly reason: Ending) {
    super('Interrupted.');
  }

  /** A reader that closes the pipe has all that it needs. */
  get exitCode(): number {
    if (this.reason === 'closed pipe') return DONE;
    return this.reason === 'SIGTERM' ? TERMINATED : INTERRUPTED;
  }
}

/**
 * The outcome of the task, unless the command is interrupted first. The task itself is not stopped.
 * @throws Interruption
 */
export async function untilInterrupted<T>(task: Promise<T>, { signal }: Terminal): Promise<T> {
  let interrupt = (): void => undefined;
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = () => reject(new Interruption(signal.reason as Ending));
  });
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  try {
    return await Promise.race([task, interrupted]);
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}
