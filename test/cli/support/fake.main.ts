/** The command line on locks that stand still. With FAKE_HANGS, their Redis never answers. */
import type { LockInspector } from '../../../lib/cli/inspector.js';
import { run } from '../../../lib/cli/run.js';
import { leave, processTerminal } from '../../../lib/cli/terminal.js';
import { fakeLocks } from './fake-locks.js';

function never(): Promise<never> {
  // As the connection to Redis does, the timer keeps the process.
  setInterval(() => undefined, 1_000);
  process.stderr.write('waits\n');
  return new Promise(() => undefined);
}

const hanging: LockInspector = {
  overview: never,
  inspect: never,
  forceRelease: never,
  // eslint-disable-next-line require-yield -- a list that never begins
  async *list() {
    await never();
  },
};

const terminal = processTerminal();
const locks = fakeLocks(process.env.FAKE_HANGS ? hanging : {});

void run({
  args: process.argv.slice(2),
  env: process.env,
  version: '0.0.0',
  terminal,
  open: () => Promise.resolve({ locks, close: () => Promise.resolve() }),
}).then((code) => leave(terminal, code));
