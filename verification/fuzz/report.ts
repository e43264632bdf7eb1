/** The report on a history that broke a rule, for a person to read. */
import type { FuzzEvent } from './events.js';
import type { History, Violation } from './history.js';

/** How much of the history is shown before and after a breach, in ms. */
const AROUND = { before: 400, after: 100 };
const MOST_ROWS = 40;
const MOST_VIOLATIONS = 3;

export interface Summary {
  readonly calls: number;
  readonly holds: number;
  /** The holds by their kind of lock. */
  readonly locks: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
}

export function summaryOf({ calls, faults, foreigners }: History): Summary {
  const refused: Record<string, number> = {};
  const locks: Record<string, number> = {};
  let holds = 0;
  let lost = 0;
  for (const call of calls) {
    if (call.hold !== undefined) {
      holds += 1;
      locks[call.lock] = (locks[call.lock] ?? 0) + 1;
    }
    if (call.hold?.loss !== undefined) lost += 1;
    const { code } = call.refused ?? {};
    if (code !== undefined) refused[code] = (refused[code] ?? 0) + 1;
  }
  const kinds: Record<string, number> = foreigners.length > 0 ? { 'foreign-hold': foreigners.length } : {};
  for (const { kind } of faults) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return { calls: calls.length, holds, locks, lost, refused, faults: kinds };
}

/** The broken rules, how to run the program again, and what happened around each breach. */
export function reportOf(seed: number, history: History, violations: readonly Violation[]): string {
  const start = history.events[0]?.at ?? 0;
  const shown = violations.slice(0, MOST_VIOLATIONS);
  return [
    `Seed ${seed}: ${violations.length} broken rules. To run the program again, with other timing: npm run fuzz -- --seed ${seed}`,
    ...shown.map(
      (violation) => `\n[${violation.rule}] ${violation.what}\n${excerpt(history, violation, start)}`,
    ),
    ...(violations.length > shown.length ? [`\n… and ${violations.length - shown.length} more`] : []),
  ].join('\n');
}

/** All events of the violation's calls, and the events of its key and of all processes shortly before and after it. */
function excerpt({ events, calls }: History, { at, key, ids = [] }: Violation, start: number): string {
  const named = new Set(ids);
  const keyed = new Set(
    calls.filter(({ keys }) => key !== undefined && keys.includes(key)).map(({ id }) => id),
  );
  const near = ({ at: when }: FuzzEvent): boolean => when > at - AROUND.before && when < at + AROUND.after;
  const chosen = events.filter((event) => {
    if ('id' in event && event.id !== undefined) {
      if (named.has(event.id)) return event.e !== 'sample' || near(event);
      return near(event) && keyed.has(event.id) && event.e !== 'sample';
    }
    if (event.e === 'fault') return event.from < at + AROUND.after;
    return near(event);
  });
  // The last events before the breach tell the most.
  const before = chosen.filter((event) => event.at <= at);
  const rows = [
    ...before.slice(-MOST_ROWS + 10),
    ...chosen.filter((event) => event.at > at).slice(0, 10),
  ].map((event) => rowOf(event, start));
  return (rows.length < chosen.length ? ['  …', ...rows] : rows).join('\n');
}

function rowOf({ e, at, ...facts }: FuzzEvent, start: number): string {
  const told = Object.entries(facts).map(([name, value]) => {
    const since = name === 'from' || name === 'began' || name === 'until';
    return `${name}=${since ? (Number(value) - start).toFixed(1) : typeof value === 'number' ? +value.toFixed(2) : JSON.stringify(value)}`;
  });
  return `  ${(at - start).toFixed(3).padStart(10)}  ${e.padEnd(8)} ${told.join(' ')}`;
}
