/** The command line on locks that stand still. */
import { run } from '../../../lib/cli/run.js';
import { processTerminal } from '../../../lib/cli/terminal.js';
import { fakeLocks } from './fake-locks.js';

void run({
  args: process.argv.slice(2),
  env: process.env,
  version: '0.0.0',
  terminal: processTerminal(),
  open: () => Promise.resolve({ locks: fakeLocks(), close: () => Promise.resolve() }),
}).then((code) => (process.exitCode = code));
