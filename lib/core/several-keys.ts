/** Several keys for one caller: all of them, or none. */
import { LockAbortedError, LockBusyError, LockStoreError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Party } from './party.js';
import type { Section } from './section.js';
import { Claim } from './wait-for.js';

/** What the call has so far, while it waits for the next. */
export class TakenKeys extends Claim {
  sections: Section[] = [];

  get keys(): readonly string[] {
    return this.sections.map(({ key }) => key);
  }

  get holding(): boolean {
    return this.sections.every(({ remaining }) => remaining > 0);
  }
}

/**
 * One after the other, with one deadline for all. Should one be lost while another is waited for, all are given back
 * and taken again.
 * @param taken what it has so far: to be given to whatever `take` waits by.
 */
export async function takeAll(
  party: Party,
  keys: readonly string[],
  options: ResolvedAcquire,
  taken: TakenKeys,
  take: (key: string, wait: number) => Promise<Section>,
): Promise<Section[]> {
  const since = party.clock.monotonic();
  for (;;) {
    const sections: Section[] = [];
    taken.sections = sections;
    try {
      for (const key of keys) {
        const waited = party.clock.monotonic() - since;
        sections.push(await take(key, Math.max(0, options.wait - waited)));
      }
      if (taken.holding) return sections;
    } catch (error) {
      const given = Promise.all(sections.map((section) => section.abandon()));
      // To wait for a store that does not answer would go on past the deadline, or the abort.
      if (error instanceof LockStoreError || error instanceof LockAbortedError) party.errand(given);
      else await given;
      if (!(error instanceof LockBusyError)) throw error;
      // The last key may not have waited itself: the deadline is one for all.
      const waited = Math.max(error.waited, Math.min(options.wait, party.clock.monotonic() - since));
      throw new LockBusyError(error.key, waited, error.holder, error.remaining);
    }
    await Promise.all(sections.map((section) => section.abandon()));
  }
}
