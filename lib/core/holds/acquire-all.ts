/** Takes several keys for one caller: all of them, or none. */
import { LockAbortedError, LockBusyError, LockStoreError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { Hold } from './hold.js';
import { HeldKeys } from '../deadlock/wait-for-graph.js';

/** The keys that a call has taken so far, while it waits for the next key. */
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
 * Takes the keys one after the other, with one deadline for all. If a key is lost while the call waits for another one,
 * all keys are released and taken again.
 * @param taken gets the holds that the call has so far. `take` must use it when it waits.
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
      // If the store does not answer, waiting for the releases would go on after the deadline or the abort.
      if (error instanceof LockStoreError || error instanceof LockAbortedError) context.tasks.track(given);
      else await given;
      if (!(error instanceof LockBusyError)) throw error;
      // There is one deadline for all keys: the last key itself may have waited for a shorter time.
      const waited = Math.max(error.waited, Math.min(options.wait, context.clock.monotonic() - since));
      throw new LockBusyError(error.key, waited, error.holder, error.remaining, error);
    }
    await Promise.all(holds.map((hold) => hold.releaseUnused()));
  }
}
