/** A process that acquires locks as fast as possible, and reports its holds. */
import { serve } from '../child-worker.js';
import { type Locks, locksOn } from '../locks.js';
import { sharedNow } from '../shared-clock.js';

export type FencesHandlers = typeof handlers;

export interface Hammering {
  /** The requested keys: `callers` callers at once request each of these lists, repeatedly. */
  readonly lists: readonly (readonly string[])[];
  readonly callers: number;
  /** In ms. */
  readonly duration: number;
}

/** For each hold four numbers: the index of its list, when it was requested, when it began, its fence. */
export type Holds = Float64Array;

export const handlers = serve({
  async hammer(url: string, { lists, callers, duration }: Hammering): Promise<Holds> {
    const locks = locksOn({ url }, { defaults: { ttl: 1_000, wait: '1m' } });
    const seen: number[] = [];
    const until = sharedNow() + duration;
    await Promise.all(
      lists.flatMap((keys, index) =>
        Array.from({ length: callers }, () =>
          caller(locks, keys, until, (...times) => seen.push(index, ...times)),
        ),
      ),
    );
    await locks.close();
    return Float64Array.from(seen);
  },
});

async function caller(
  { service }: Locks,
  keys: readonly string[],
  until: number,
  report: (requested: number, began: number, fence: number) => void,
): Promise<void> {
  for (let requested = sharedNow(); requested < until; requested = sharedNow()) {
    const lock = await service.acquire(keys);
    report(requested, sharedNow(), lock.fence);
    await lock.release();
  }
}
