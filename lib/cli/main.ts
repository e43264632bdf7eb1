/** The program `nestjs-locked`. */
import { openLocks } from './connect.js';
import { REDIS_FAILED } from './exit-codes.js';
import { run } from './run.js';
import { leave, processTerminal } from './terminal.js';

/** The build puts the version of package.json here. */
declare const PACKAGE_VERSION: string;

const terminal = processTerminal();

// Node ends a process that has nothing left to wait for, with 0. A command without an outcome has failed.
process.once('beforeExit', unanswered);

function unanswered(): void {
  terminal.note('The command has no outcome: the connection to Redis has ended.\n');
  process.exitCode = REDIS_FAILED;
}

void run({
  args: process.argv.slice(2),
  env: process.env,
  version: PACKAGE_VERSION,
  terminal,
  open: openLocks,
}).then((code) => {
  process.off('beforeExit', unanswered);
  leave(terminal, code);
});
