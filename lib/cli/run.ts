/** One run of the command line: from the arguments to the exit code. */
import { isLockError, LockError } from '../errors/index.js';
import { type Arguments, readArguments } from './input/arguments.js';
import { inspect } from './commands/inspect.js';
import { ls } from './commands/ls.js';
import { checkRelease, release } from './commands/release.js';
import { watch } from './commands/watch.js';
import { DONE, REDIS_FAILED, REFUSED, UsageError, WRONG_USAGE } from './exit-codes.js';
import { HELP } from './input/help.js';
import type { LockInspector, OpenedLocks } from './inspector.js';
import { plain } from './show.js';
import type { Terminal } from './terminal.js';

type Command = (locks: LockInspector, args: Arguments, terminal: Terminal) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = { ls, watch, inspect, release };

export interface RunSettings {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly terminal: Terminal;
  readonly open: (args: Arguments, warn: (message: string) => void) => Promise<OpenedLocks>;
}

/** @returns the exit code. Never rejects. */
export async function run({ args, env, version, terminal, open }: RunSettings): Promise<number> {
  try {
    const request = readArguments(args, env);
    if (typeof request === 'string') {
      terminal.write(request === 'help' ? HELP : `${version}\n`);
      return DONE;
    }
    if (request.command === 'release') checkRelease(request);
    const opened = await open(request, (message) => terminal.note(`${plain(message)}\n`));
    try {
      return await COMMANDS[request.command](opened.locks, request, terminal);
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (terminal.signal.aborted) return DONE;
    return failed(error, terminal);
  }
}

function failed(error: unknown, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.note(`${plain(error.message)}\nSee: nestjs-locked --help\n`);
    return WRONG_USAGE;
  }
  if (!(error instanceof LockError)) {
    terminal.note(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return REFUSED;
  }
  terminal.note(`${plain(error.message)}\n`);
  if (isLockError(error, 'LOCK_OPTIONS') || isLockError(error, 'LOCK_KEY')) return WRONG_USAGE;
  return isLockError(error, 'LOCK_STORE') ? REDIS_FAILED : REFUSED;
}
