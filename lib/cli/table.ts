/** Locks as a table: one lock a row. */
import type { LockHolder, LockInfo, LockOverview } from '../core/inspection/lock-info.js';
import { columnsOf } from './columns.js';
import { plain, span } from './show.js';

const HEADER = ['KEY', 'KIND', 'HELD BY', 'FOR', 'LEFT', 'WAITING', 'LONGEST', ''];

const [BOLD, YELLOW, RESET] = ['\x1b[1m', '\x1b[33m', '\x1b[0m'];

/** The rows of a table, the header first. Locks that somebody waits for stand first, the longest wait at the top. */
export function lockTable(locks: readonly LockInfo[], colours: boolean): string[] {
  const sorted = [...locks].sort(
    (a, b) => longestWait(b) - longestWait(a) || longestHold(b) - longestHold(a),
  );
  const [header, ...rows] = aligned([HEADER, ...sorted.map(row)]);
  if (!colours) return [header, ...rows];
  return [
    `${BOLD}${header}${RESET}`,
    ...rows.map((text, i) => (isSilent(sorted[i]) ? `${YELLOW}${text}${RESET}` : text)),
  ];
}

/** What an overview tells besides its locks. */
export function remarks({ cycles, silent, more = 0, moreBlocked = 0 }: LockOverview): string[] {
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
  if (silent === 0) return found;
  return [...found, `No answer from ${silent === 1 ? '1 process' : `${silent} processes`}.`];
}

/** The holder as people know it: its method, or its process. */
export function holderName({ label, owner }: LockHolder, { kind }: LockInfo): string {
  return plain(label ?? (kind === 'foreign' ? 'a foreign client' : owner));
}

/** @returns rows with their cells below each other. */
export function aligned(rows: ReadonlyArray<readonly string[]>): string[] {
  const widths = rows.reduce<number[]>(
    (found, cells) => cells.map((cell, i) => Math.max(found[i] ?? 0, columnsOf(cell))),
    [],
  );
  return rows.map((cells) =>
    cells
      .map((cell, i) => cell + ' '.repeat(widths[i] - columnsOf(cell)))
      .join('  ')
      .trimEnd(),
  );
}

function row(lock: LockInfo): string[] {
  const [first, ...others] = lock.holders;
  return [
    plain(lock.key),
    lock.kind,
    first === undefined
      ? lock.unknown
        ? 'unknown'
        : '-'
      : `${holderName(first, lock)}${others.length > 0 ? ` +${others.length}` : ''}`,
    first === undefined ? '-' : span(heldLongest(lock)),
    first === undefined
      ? '-'
      : span(lock.holders.reduce((longest, { remaining }) => Math.max(longest, remaining), 0)),
    String(lock.waiting),
    span(longestWait(lock)),
    isSilent(lock) ? 'silent' : '',
  ];
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
