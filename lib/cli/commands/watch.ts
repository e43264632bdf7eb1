/** `watch`: the locks, again and again. */
import { setTimeout as pause } from 'node:timers/promises';
import { isLockError } from '../../errors/index.js';
import type { Arguments } from '../input/arguments.js';
import { DONE } from '../exit-codes.js';
import type { LockInspector } from '../inspector.js';
import { cut } from '../columns.js';
import { untilInterrupted } from '../interruption.js';
import { json, plain } from '../show.js';
import type { Terminal } from '../terminal.js';
import { shown } from './ls.js';

const [HIDE_CURSOR, SHOW_CURSOR, CLEAR_BELOW] = ['\x1b[?25l', '\x1b[?25h', '\x1b[J'];

export async function watch(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  const { signal, interactive } = terminal;
  const inPlace = interactive && !args.json;
  let height = 0;
  if (inPlace) terminal.write(HIDE_CURSOR);
  try {
    while (!signal.aborted) {
      const block = await untilInterrupted(next(locks, args, terminal), terminal);
      if (inPlace) {
        const visible = fitted(block, terminal);
        terminal.write(`${height > 0 ? `\x1b[${height}F` : ''}${CLEAR_BELOW}${visible.join('\n')}\n`);
        height = visible.length;
      } else {
        terminal.write(`${block.join('\n')}\n${args.json ? '' : '\n'}`);
      }
      await pause(args.interval, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    if (inPlace) terminal.write(SHOW_CURSOR);
  }
  return DONE;
}

/** One block of output. An error of Redis is part of the output, because the next interval may succeed. */
async function next(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<string[]> {
  try {
    const found = await locks.overview({ patience: args.patience });
    if (args.json) return [json(found)];
    return [found.at.toISOString(), ...shown(found, false, terminal)];
  } catch (error) {
    if (!isLockError(error, 'LOCK_STORE')) throw error;
    const at = new Date().toISOString();
    const message = plain(error.message);
    return args.json ? [json({ at, error: message })] : [at, message];
  }
}

/** The part of the block that the terminal can show. A row that wraps would break the next redraw. */
function fitted(block: readonly string[], terminal: Terminal): string[] {
  const { columns, rows } = terminal.size();
  const most = Math.max(1, rows - 1);
  const visible =
    block.length > most ? [...block.slice(0, most - 1), `… ${block.length - most + 1} more`] : block;
  return visible.map((text) => cut(text, columns));
}
