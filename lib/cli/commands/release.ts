/** `release`: takes a key away from a holder. */
import type { LockHolder, LockInfo } from '../../core/inspection/lock-info.js';
import type { Arguments } from '../input/arguments.js';
import { DONE, REFUSED, UsageError } from '../exit-codes.js';
import type { LockInspector } from '../inspector.js';
import { count, json, named, plain, shellWord, span } from '../show.js';
import { holderName } from '../table.js';
import type { Terminal } from '../terminal.js';

const WARNING =
  'The work of a holder is not stopped. Only the fence keeps it from writing, so two may run at a time.';

/** Checks what only this command needs, before anything connects. @throws UsageError */
export function checkRelease({ holder, by, operands }: Arguments): void {
  const [key] = operands;
  if (!holder) {
    throw new UsageError(
      `"release" needs --holder <id>. See the ids by: nestjs-locked inspect ${shellWord(key)}. "any" means each holder.`,
    );
  }
  if (!by) throw new UsageError('"release" needs --by <name>, which is logged here and at the holder.');
}

export async function release(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  const [key] = args.operands;
  const { holder = '', by = '', reason } = args;
  if (!args.yes) return preview(locks, args, terminal);
  const result = await locks.forceRelease(key, { holder, by, ...(reason !== undefined && { reason }) });
  const { released, told } = result;
  if (args.json) {
    terminal.write(`${json({ key, ...result })}\n`);
  } else if (released === 0) {
    terminal.write(`Nothing was released: ${named(key)} is not held by ${holderText(holder)}.\n`);
  } else {
    terminal.write(
      `Released ${named(key)} from ${count(released, 'holder')}. ${toldText(released, told)} ${WARNING}\n`,
    );
  }
  return released > 0 ? DONE : REFUSED;
}

function toldText(released: number, told: number): string {
  if (told === released) return released === 1 ? 'Its process was told.' : 'Their processes were told.';
  const missed = released - told;
  const begin = told === 0 ? '' : `${told} of them ${told === 1 ? 'was' : 'were'} told. `;
  return missed === 1
    ? `${begin}One was not told: a process notices at its next renewal, a foreign client goes on.`
    : `${begin}${missed} were not told: processes notice at their next renewals, foreign clients go on.`;
}

/** Says what the command would do. */
async function preview(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  const [key] = args.operands;
  const { holder = '' } = args;
  const lock = await locks.inspect(key, { patience: args.patience });
  const meant = (lock?.holders ?? []).filter(({ id }) => holder === 'any' || id === holder);
  if (args.json) terminal.write(`${json({ key, released: 0, told: 0, would: meant.map(({ id }) => id) })}\n`);
  else if (lock === null || meant.length === 0) {
    terminal.write(`Nothing to release: ${named(key)} is not held by ${holderText(holder)}.\n`);
  } else {
    for (const text of intention(lock, meant)) terminal.write(`${text}\n`);
  }
  return REFUSED;
}

function intention(lock: LockInfo, meant: LockInfo['holders']): string[] {
  return [
    `This would release ${named(lock.key)} from:`,
    ...meant.map(
      (each) =>
        `  ${each.id}  ${placeOf(each, lock)}, held for ${span(each.held)}, ${span(each.remaining)} left`,
    ),
    lock.waiting > 0
      ? `The next of ${count(lock.waiting, 'caller')} would get the key.`
      : 'Nobody waits for the key.',
    WARNING,
    'Repeat the command with --yes to release.',
  ];
}

function placeOf(holder: LockHolder, lock: LockInfo): string {
  const name = holderName(holder, lock);
  return lock.kind === 'foreign' || name === plain(holder.owner) ? name : `${name} on ${plain(holder.owner)}`;
}

function holderText(holder: string): string {
  return holder === 'any' ? 'anybody' : `the holder ${plain(holder)}`;
}
