/** What ends a command early. */
export type Ending = 'SIGINT' | 'SIGTERM' | 'closed pipe';

/** Where the output of a command goes, and what ends a command early. */
export interface Terminal {
  write(text: string): void;
  /** Writes to the standard error, beside the output of the command. */
  note(text: string): void;
  /** Whether the output is a terminal, and not a pipe or a file. */
  readonly interactive: boolean;
  readonly colours: boolean;
  /** The size of the terminal now. */
  size(): { readonly columns: number; readonly rows: number };
  /** Aborted by SIGINT, by SIGTERM, and by a pipe that its reader has closed. The reason is an `Ending`. */
  readonly signal: AbortSignal;
}

/** The terminal, or the pipes, of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const ending = new AbortController();
  const end = (reason: Ending) => ending.abort(reason);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(signal));
  // A reader such as `head` closes the pipe when it has enough.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end('closed pipe');
  });
  // A message that nobody can read must not change the exit code.
  stderr.on('error', () => undefined);
  return {
    write: (text) => void stdout.write(text),
    note: (text) => void stderr.write(text),
    interactive: stdout.isTTY === true,
    colours: stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    signal: ending.signal,
  };
}

/** Ends the process with the exit code. */
export function leave({ signal }: Terminal, code: number): void {
  process.exitCode = code;
  // After an interruption, a question or its connection may still keep the process. Its output is written first.
  if (signal.aborted) process.stderr.write('', () => process.exit());
}
