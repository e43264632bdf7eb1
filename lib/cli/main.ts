/** The program `nestjs-locked`. */
import { openLocks } from './connect.js';
import { run } from './run.js';
import { leave, processTerminal } from './terminal.js';

/** The build puts the version of package.json here. */
declare const PACKAGE_VERSION: string;

const terminal = processTerminal();

void run({
  args: process.argv.slice(2),
  env: process.env,
  version: PACKAGE_VERSION,
  terminal,
  open: openLocks,
}).then((code) => leave(terminal, code));
