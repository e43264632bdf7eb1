/** A process that takes locks as fast as it can and reports what it saw: when each was asked for, when it came, its fence. */
import { serve } from '../child-worker.js';
import { type Locks, locksOn } from '../locks.js';

export type FencesHandlers = typeof handlers;

export interface Hammering {
  /** What to ask for: each entry is a list of keys, asked for by `callers` at once, over and over. */
  readonly keys: readonly (readonly string[])[];
  readonly callers: number;
  /** In ms. */
  readonly duration: number;
}

/** Four numbers a section, flat: the index of its keys, when it was asked for, when it began, its fence. */
export type Sections = Float64Array;

/** The machine's monotonic clock in ms, which processes share; `performance.now()` counts from a process's own start. */
const origin = Math.min(
  ...Array.from({ length: 50 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
);
const now = (): number => origin + performance.now();

export const handlers = serve({
  async hammer(url: string, { keys, callers, duration }: Hammering): Promise<Sections> {
    const locks = locksOn({ url });
    const seen: number[] = [];
    const until = now() + duration;
    await Promise.all(
      keys.flatMap((list, index) => Array.from({ length: callers }, () => caller(locks, list, index, until, seen))),
    );
    await locks.close();
    return Float64Array.from(seen);
  },
});

async function caller(locks: Locks, keys: readonly string[], index: number, until: number, seen: number[]) {
  for (let asked = now(); asked < until; asked = now()) {
    const lock = await locks.service.acquire(keys);
    seen.push(index, asked, now(), lock.fence);
    await lock.release();
  }
}
