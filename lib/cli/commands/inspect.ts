/** `inspect`: the holders and the queue of one key. */
import type { LockHolder, LockInfo, LockQueuePlace, LockWaiter } from '../../core/inspection/lock-info.js';
import type { Arguments } from '../input/arguments.js';
import { DONE } from '../exit-codes.js';
import type { LockInspector } from '../inspector.js';
import { count, json, named, plain, span } from '../show.js';
import { aligned, holderName } from '../table.js';
import type { Terminal } from '../terminal.js';

export async function inspect(locks: LockInspector, args: Arguments, terminal: Terminal): Promise<number> {
  const [key] = args.operands;
  const lock = await locks.inspect(key, { patience: args.patience });
  if (args.json) terminal.write(`${json(lock)}\n`);
  else if (lock === null) terminal.write(`${named(key)} is neither held nor waited for.\n`);
  else terminal.write(`${described(lock).join('\n')}\n`);
  return DONE;
}

function described(lock: LockInfo): string[] {
  const { holders, queue } = lock;
  return [
    `${plain(lock.key)}  ${lock.kind}`,
    '',
    ...(holders.length === 0 ? ['Nobody holds the key.'] : ['HOLDERS', ...holderRows(lock)]),
    '',
    ...(queue.length === 0
      ? ['Nobody waits.']
      : [
          `QUEUE  ${count(lock.waiting, 'caller')} in ${count(queue.length, 'process')}`,
          ...queueRows(queue),
        ]),
  ];
}

function holderRows(lock: LockInfo): string[] {
  const header = ['ID', 'HELD BY', 'PROCESS', 'FOR', 'LEFT', 'FENCE', ''];
  const rows = aligned([
    header,
    ...lock.holders.map((holder) => [
      holder.id,
      holderName(holder, lock),
      plain(holder.owner),
      span(holder.held),
      span(holder.remaining),
      holder.fence === undefined ? '?' : String(holder.fence),
      holder.answered ? '' : 'silent',
    ]),
  ]);
  return rows.flatMap((text, i) =>
    i === 0 ? [`  ${text}`] : [`  ${text}`, ...origin(lock.holders[i - 1], '    ')],
  );
}

function queueRows(queue: readonly LockQueuePlace[]): string[] {
  const header = ['PROCESS', 'KIND', 'WAITED', 'CALLERS', ''];
  const rows = aligned([
    header,
    ...queue.map(({ owner, kind, limit, waited, callers, more = 0, answered }) => [
      plain(owner),
      limit === undefined || kind !== 'semaphore' ? kind : `${kind} of ${limit}`,
      span(waited),
      callers === undefined ? '?' : String(callers.length + more),
      answered ? '' : 'silent',
    ]),
  ]);
  return rows.flatMap((text, i) => {
    if (i === 0) return [`  ${text}`];
    const { callers = [], more = 0 } = queue[i - 1];
    return [
      `  ${text}`,
      ...callers.flatMap(caller),
      ...(more > 0 ? [`    … ${count(more, 'more caller')}`] : []),
    ];
  });
}

function caller(waiter: LockWaiter): string[] {
  const holds = waiter.holds.length > 0 ? `, holds ${waiter.holds.map(plain).join(', ')}` : '';
  const name = plain(waiter.label ?? 'a caller');
  return [`    ${name} waits for ${span(waiter.waited)}${holds}`, ...origin(waiter, '      ')];
}

/** Where the lock was taken, as far as it is known. */
function origin(
  { template, site, trace }: Pick<LockHolder, 'template' | 'site' | 'trace'>,
  indent: string,
): string[] {
  const facts = [
    template === undefined ? [] : `template ${plain(template)}`,
    site === undefined ? [] : `at ${plain(site)}`,
    trace === undefined ? [] : `trace ${plain(trace)}`,
  ].flat();
  return facts.length > 0 ? [`${indent}${facts.join(', ')}`] : [];
}
