/** One run of the command line: from the arguments to the exit code. */
import { isLockError, LockError, redactText } from '../errors/index.js';
import { type Arguments, readArguments } from './input/arguments.js';
import { inspect } from './commands/inspect.js';
import { ls } from './commands/ls.js';
import { checkRelease, release } from './commands/release.js';
import { watch } from './commands/watch.js';
import { DONE, REDIS_FAILED, REFUSED, UsageError, WRONG_USAGE } from './exit-codes.js';
import { HELP } from './input/help.js';
import type { LockInspector, OpenedLocks } from './inspector.js';
import { Interruption, untilInterrupted } from './interruption.js';
import { plain, shellWord } from './show.js';
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
    return await perform(request, terminal, open);
  } catch (error) {
    return failed(error, terminal);
  }
}

async function perform(request: Arguments, terminal: Terminal, open: RunSettings['open']): Promise<number> {
  const { command, yes } = request;
  let releasing = false;
  try {
    const opened = await untilInterrupted(
      open(request, (message) => terminal.note(`${safe(message)}\n`)),
      terminal,
    );
    releasing = yes;
    const task = COMMANDS[command](opened.locks, request, terminal);
    try {
      // "watch" puts the terminal back before it ends.
      return await (command === 'watch' ? task : untilInterrupted(task, terminal));
    } finally {
      await untilInterrupted(opened.close(), terminal).catch(ignoreInterruption);
    }
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    if (command === 'watch') return DONE;
    if (yes) terminal.note(`Interrupted. ${releaseOutcome(request, releasing)}\n`);
    return error.exitCode;
  }
}

function releaseOutcome({ operands: [key] }: Arguments, releasing: boolean): string {
  if (!releasing) return 'Nothing was released.';
  return `It is not known whether ${plain(key)} was released. See: nestjs-locked inspect ${shellWord(key)}`;
}

/** The exit code of the command is known by then, and the end of the process closes the connection. */
function ignoreInterruption(error: unknown): void {
  if (!(error instanceof Interruption)) throw error;
}

function failed(error: unknown, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.note(`${safe(error.message)}\nSee: nestjs-locked --help\n`);
    return WRONG_USAGE;
  }
  if (!(error instanceof LockError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.note(`${text.split('\n').map(safe).join('\n')}\n`);
    return REFUSED;
  }
  terminal.note(`${safe(error.message)}\n`);
  if (isLockError(error, 'LOCK_OPTIONS') || isLockError(error, 'LOCK_KEY')) return WRONG_USAGE;
  return isLockError(error, 'LOCK_STORE') ? REDIS_FAILED : REFUSED;
}

/** What messages about the module mean here. */
const HERE: ReadonlyArray<readonly [RegExp, string]> = [
  [/give a Cluster client of ioredis in the "redis" option/, 'add --cluster'],
  [/ in the "redis" option/g, ' in --url'],
  [/the "redis" option/g, '--url'],
];

/** Text for the terminal, without passwords. */
function safe(text: string): string {
  const here = HERE.reduce((result, [said, meant]) => result.replace(said, meant), text);
  return plain(redactText(here));
}
