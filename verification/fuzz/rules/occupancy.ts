/** When those who wait for a key may be kept waiting, by the kind of lock that they wait for. */
import type { LockKind } from '../../../lib/core/contracts/token.js';

export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Somebody may hold the key. */
export interface Presence extends Interval {
  readonly lock: LockKind;
}

/** Somebody waits for it. */
export interface Wait extends Interval {
  readonly lock: LockKind;
  /** Of a semaphore. */
  readonly limit: number;
}

/** Who is there at one moment. */
class Moment {
  readonly #holders: Record<LockKind, number> = { exclusive: 0, shared: 0, semaphore: 0 };
  #writers = 0;
  /** How many wait with each limit. */
  readonly #limits = new Map<number, number>();

  hold(lock: LockKind, by: 1 | -1): void {
    this.#holders[lock] += by;
  }

  wait({ lock, limit }: Wait, by: 1 | -1): void {
    if (lock === 'exclusive') this.#writers += by;
    if (lock !== 'semaphore') return;
    const count = (this.#limits.get(limit) ?? 0) + by;
    if (count > 0) this.#limits.set(limit, count);
    else this.#limits.delete(limit);
  }

  /** Nobody passes the first of the queue, and any of those who wait may be the first. */
  keepsWaiting(lock: LockKind): boolean {
    const { exclusive, shared, semaphore } = this.#holders;
    const all = exclusive + shared + semaphore;
    if (lock === 'exclusive') return all > 0;
    if (lock === 'shared') return exclusive + semaphore > 0 || (this.#writers > 0 && all > 0);
    return exclusive + shared > 0 || semaphore >= Math.min(...this.#limits.keys());
  }
}

/** When who waits for the key, as this kind, may have to. */
export function keptWaiting(
  lock: LockKind,
  there: readonly Presence[],
  waiting: readonly Wait[],
): Interval[] {
  const moment = new Moment();
  const changes = [
    ...there.flatMap(({ from, to, lock: by }) => [
      { at: from, make: () => moment.hold(by, 1) },
      { at: to, make: () => moment.hold(by, -1) },
    ]),
    ...waiting.flatMap((wait) => [
      { at: wait.from, make: () => moment.wait(wait, 1) },
      { at: wait.to, make: () => moment.wait(wait, -1) },
    ]),
  ].sort((a, b) => a.at - b.at);
  const result: Interval[] = [];
  let since: number | undefined;
  for (const [i, { at, make }] of changes.entries()) {
    make();
    if (changes[i + 1]?.at === at) continue;
    const kept = moment.keepsWaiting(lock);
    if (kept) since ??= at;
    else if (since !== undefined) {
      result.push({ from: since, to: at });
      since = undefined;
    }
  }
  if (since !== undefined) result.push({ from: since, to: Infinity });
  return merged(result);
}

export function merged(intervals: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last !== undefined && from <= last.to)
      result[result.length - 1] = { from: last.from, to: Math.max(last.to, to) };
    else result.push({ from, to });
  }
  return result;
}
