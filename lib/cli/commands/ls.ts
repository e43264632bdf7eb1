/** `ls`: the locks that processes hold or wait for. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LockInfo, LockOverview } from '../../core/inspection/lock-info.js';
import type { Arguments } from '../input/arguments.js';
import { DONE } from '../exit-codes.js';
import type { LockInspector } from '../inspector.js';
import { count, json } from '../show.js';
import { lockTable, remarks } from '../table.js';
import type { Terminal } from '../terminal.js';

/** In ms. A wait that ends by itself is mostly over by then. */
const BETWEEN_OVERVIEWS = 50;

export async function ls(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  return args.scan ? scan(locks, args, terminal) : overview(locks, args, terminal);
}

async function overview(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  const found = await settled(locks, args.patience);
  for (const text of shown(found, args.json, terminal)) terminal.write(`${text}\n`);
  if (args.json) for (const remark of remarks(found)) terminal.note(`${remark}\n`);
  return DONE;
}

/** A deadlock is reported if two overviews in a row have it, so a second one is needed if callers wait. */
async function settled(locks: LockInspector, patience: number): Promise<LockOverview> {
  const found = await locks.overview({ patience });
  if (!found.locks.some(({ waiting }) => waiting > 0)) return found;
  await pause(BETWEEN_OVERVIEWS);
  return locks.overview({ patience });
}

/** Prints JSON as it comes. The table needs all locks first. */
async function scan(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  const [pattern = '*'] = args.operands;
  const { signal } = terminal;
  const found: LockInfo[] = [];
  for await (const lock of locks.list(pattern, { signal, details: true, patience: args.patience })) {
    if (args.json) terminal.write(`${json(lock)}\n`);
    else found.push(lock);
  }
  // A search that was interrupted has not found all locks. The interruption is told elsewhere.
  if (!args.json && !signal.aborted) {
    for (const text of table(found, terminal)) terminal.write(`${text}\n`);
  }
  return DONE;
}

/** The rows of an overview. */
export function shown(found: LockOverview, asJson: boolean, terminal: Terminal): string[] {
  if (asJson) return found.locks.map(json);
  return [...(found.locks.length === 0 ? nothing(found) : table(found.locks, terminal)), ...remarks(found)];
}

/** A wrong prefix or database has the same result. */
function nothing({ processes }: LockOverview): string[] {
  return [`${NONE} ${count(processes.length, 'process')} answered.`];
}

function table(locks: readonly LockInfo[], terminal: Terminal): string[] {
  if (locks.length === 0) return [NONE];
  return lockTable(locks, terminal.colours, terminal.interactive ? terminal.size().columns : Infinity);
}

const NONE = 'No locks are held or waited for.';
