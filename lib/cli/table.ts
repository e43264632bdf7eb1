/** Locks as a table: one lock a row. */
import type { LockHolder, LockInfo, LockOverview } from '../core/inspection/lock-info.js';
import { columnsOf, cut } from './columns.js';
import { plain, span } from './show.js';

const HEADER = ['KEY', 'KIND', 'HELD BY', 'FOR', 'LEFT', 'WAITING', 'LONGEST', ''];

const [BOLD, YELLOW, RESET] = ['\x1b[1m', '\x1b[33m', '\x1b[0m'];

/** A longer key does not widen the column for all rows. */
const WIDEST = 60;
/** The least width of a column that is narrowed. */
const NARROWEST = 8;

/**
 * The rows of a table, the header first. Locks that somebody waits for stand first, the longest wait at the top.
 * @param columns the width of the terminal. If the rows do not fit, keys and holders are shortened. The other columns are
 * whole.
 */
export function lockTable(locks: readonly LockInfo[], colours: boolean, columns = Infinity): string[] {
  const sorted = [...locks].sort(
    (a, b) => longestWait(b) - longestWait(a) || longestHold(b) - longestHold(a),
  );
  const [header, ...rows] = aligned(fitted([HEADER, ...sorted.map(row)], columns));
  if (!colours) return [header, ...rows];
  return [
    `${BOLD}${header}${RESET}`,
    ...rows.map((text, i) => (isSilent(sorted[i]) ? `${YELLOW}${text}${RESET}` : text)),
  ];
}

/** What an overview tells besides its locks. */
export function remarks({
  cycles,
  silent,
  processes,
  locks,
  more = 0,
  moreBlocked = 0,
}: LockOverview): string[] {
  const found = cycles.map(({ links }) => {
    const parts = links.map(
      ({ owner, label, holds, wants }) =>
        `${plain(label ?? owner)} holds ${holds.map(plain).join(', ')} and waits for ${plain(wants)}`,
    );
    return `Deadlock: ${parts.join('; ')}.`;
  });
  if (moreBlocked > 0) {
    const callers = moreBlocked === 1 ? '1 caller is' : `${moreBlocked} callers are`;
    found.push(`The search for deadlocks is incomplete: ${callers} left out.`);
  }
  if (more > 0) found.push(more === 1 ? '1 more key is waited for.' : `${more} more keys are waited for.`);
  const told = locks.reduce((sum, { holders }) => sum + holders.filter(({ answered }) => answered).length, 0);
  const held = processes.reduce((sum, each) => sum + each.held, 0) - told;
  if (held > 0) found.push(held === 1 ? '1 more lock is held.' : `${held} more locks are held.`);
  if (silent === 0) return found;
  return [...found, `No answer from ${silent === 1 ? '1 process' : `${silent} processes`}.`];
}

/** The holder as people know it: its method, or its process. */
export function holderName({ label, owner }: LockHolder, { kind }: LockInfo): string {
  return plain(label ?? (kind === 'foreign' ? 'a foreign client' : owner));
}

/** Shortens the keys and the holders so far that the rows fit. */
function fitted(rows: ReadonlyArray<readonly string[]>, columns: number): ReadonlyArray<readonly string[]> {
  const widths = widthsOf(rows, Infinity);
  const rest = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - widths[0] - widths[2];
  const room = Math.max(2 * NARROWEST, columns - rest);
  if (widths[0] + widths[2] <= room) return rows;
  const holder = Math.min(widths[2], Math.max(room - widths[0], Math.floor(room / 2)));
  return rows.map((cells) =>
    cells.map((cell, i) =>
      i === 0 ? shortened(cell, room - holder) : i === 2 ? shortened(cell, holder) : cell,
    ),
  );
}

function shortened(text: string, most: number): string {
  return columnsOf(text) <= most ? text : `${cut(text, most - 1)}…`;
}

const GAP = '  ';

function widthsOf(rows: ReadonlyArray<readonly string[]>, widest: number): number[] {
  const widths: number[] = [];
  for (const cells of rows) {
    cells.forEach((cell, i) => {
      const width = columnsOf(cell);
      widths[i] = Math.max(widths[i] ?? 0, width > widest ? 0 : width);
    });
  }
  return widths;
}

/** @returns rows with their cells below each other. */
export function aligned(rows: ReadonlyArray<readonly string[]>): string[] {
  const widths = widthsOf(rows, WIDEST);
  return rows.map((cells) =>
    cells
      .map((cell, i) => cell + ' '.repeat(Math.max(0, widths[i] - columnsOf(cell))))
      .join(GAP)
      .trimEnd(),
  );
}

function row(lock: LockInfo): string[] {
  const { key, kind, waiting } = lock;
  const silent = isSilent(lock) ? 'silent' : '';
  return [plain(key), kind, ...heldBy(lock), String(waiting), span(longestWait(lock)), silent];
}

/** The holder, for how long it has the key, and how long it has it still. */
function heldBy(lock: LockInfo): [string, string, string] {
  const { holders, unknown } = lock;
  const [first, ...others] = holders;
  if (first === undefined) return [unknown ? 'unknown' : '-', '-', '-'];
  const more = others.length > 0 ? ` +${others.length}` : '';
  const left = holders.reduce((longest, { remaining }) => Math.max(longest, remaining), 0);
  return [`${holderName(first, lock)}${more}`, span(heldLongest(lock)), span(left)];
}

function isSilent({ holders }: LockInfo): boolean {
  return holders.some(({ answered }) => !answered);
}

function longestWait({ queue }: LockInfo): number {
  return queue.reduce(
    (longest, { waited, callers = [] }) =>
      callers.reduce((found, caller) => Math.max(found, caller.waited), Math.max(longest, waited)),
    0,
  );
}

function heldLongest({ holders }: LockInfo): number | undefined {
  return holders.reduce<number | undefined>(
    (longest, { held = longest }) => (held === undefined ? longest : Math.max(held, longest ?? held)),
    undefined,
  );
}

function longestHold(lock: LockInfo): number {
  return heldLongest(lock) ?? 0;
}
