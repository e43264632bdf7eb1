/** What very many waiters of one semaphore cost, in memory. It takes too long for a unit test. */
import { describe, expect, it } from '@jest/globals';
import type { ResolvedAcquire } from '../../lib/core/options/acquire.options.js';
import { acquiring, core } from '../support/core.js';
import { FakeClock } from '../support/fake-clock.js';

const permit = (options: Partial<ResolvedAcquire> = {}): ResolvedAcquire =>
  acquiring({ access: { kind: 'semaphore', limit: 1 }, ...options });

describe('a hundred thousand waiters of one semaphore in memory', () => {
  it('given half of them that leave, then each costs the same, and nothing is left behind', async () => {
    const clock = new FakeClock();
    const { engine } = core({ clock });
    const first = await engine.acquire(['k'], permit());
    const leaving: AbortController[] = [];
    const waits: Promise<unknown>[] = [];
    const since = performance.now();
    for (let i = 0; i < 100_000; i += 1) {
      const leaver = i % 2 === 0 ? new AbortController() : undefined;
      if (leaver !== undefined) leaving.push(leaver);
      const signal = leaver?.signal;
      const wait = engine.acquire(['k'], permit({ signal }));
      waits.push(
        wait.then(
          (lock) => lock.release(),
          () => 'left',
        ),
      );
    }
    const joined = performance.now();
    for (const leaver of leaving) leaver.abort();
    const left = performance.now();
    await first.release();
    const outcomes = await Promise.all(waits);
    const served = performance.now();
    expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(50_000);
    expect([engine.keyCount, clock.timers]).toEqual([0, 0]);
    // If a step were linear in the number of waiters, it would take minutes.
    expect(Math.max(joined - since, left - joined, served - left)).toBeLessThan(60_000);
  }, 240_000);
});
