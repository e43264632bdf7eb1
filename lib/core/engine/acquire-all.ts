/** Several keys for one caller: all of them, or none. */
import { LockAbortedError, LockBusyError, LockStoreError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { Hold } from '../holds/hold.js';
import { HeldKeys } from '../deadlock/wait-for-graph.js';

/** What the call has so far, while it waits for the next. */
export class PartialAcquisition extends HeldKeys {
  holds: Hold[] = [];

  get keys(): readonly string[] {
    return this.holds.map(({ key }) => key);
  }

  get holding(): boolean {
    return this.holds.every(({ remaining }) => remaining > 0);
  }
}

/**
 * One after the other, with one deadline for all. Should one be lost while another is waited for, all are given back
 * and taken again.
 * @param taken what it has so far: to be given to whatever `take` waits by.
 */
export async function acquireAll(
  context: EngineContext,
  keys: readonly string[],
  options: ResolvedAcquire,
  taken: PartialAcquisition,
  take: (key: string, wait: number) => Promise<Hold>,
): Promise<Hold[]> {
  const since = context.clock.monotonic();
  for (;;) {
    const holds: Hold[] = [];
    taken.holds = holds;
    try {
      for (const key of keys) {
        const waited = context.clock.monotonic() - since;
        holds.push(await take(key, Math.max(0, options.wait - waited)));
      }
      if (taken.holding) return holds;
    } catch (error) {
      const given = Promise.all(holds.map((hold) => hold.releaseUnused()));
      // To wait for a store that does not answer would go on past the deadline, or the abort.
      if (error instanceof LockStoreError || error instanceof LockAbortedError) context.tasks.track(given);
      else await given;
      if (!(error instanceof LockBusyError)) throw error;
      // The last key may not have waited itself: the deadline is one for all.
      const waited = Math.max(error.waited, Math.min(options.wait, context.clock.monotonic() - since));
      throw new LockBusyError(error.key, waited, error.holder, error.remaining);
    }
    await Promise.all(holds.map((hold) => hold.releaseUnused()));
  }
}
