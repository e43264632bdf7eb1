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
  /** Aborted by SIGINT, by SIGTERM, and by a pipe that its reader has closed. */
  readonly signal: AbortSignal;
}

/** The terminal, or the pipes, of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());
  // A reader such as `head` closes the pipe when it has enough.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    ending.abort();
  });
  return {
    write: (text) => void stdout.write(text),
    note: (text) => void stderr.write(text),
    interactive: stdout.isTTY === true,
    colours: stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    signal: ending.signal,
  };
}
