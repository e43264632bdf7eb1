/** Fences of the memory store: they rise, and are not ahead of the clock, as those of Redis. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryFences } from '../../lib/stores/memory/memory.fences.js';
import { FakeClock } from '../support/fake-clock.js';
import { acquiring, core } from '../support/core.js';

describe('fences of the memory store', () => {
  it('rise, and are never ahead of a clock that goes on by a millisecond between two draws', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ count: fc.integer({ min: 1, max: 1_000 }), ms: fc.integer({ min: 1, max: 50 }) }),
        ),
        (steps) => {
          const clock = new FakeClock();
          const fences = MemoryFences.of(clock);
          let last = 0;
          for (const { count, ms } of steps) {
            clock.jumpWall(ms);
            const { fence, drawn } = fences.draw(count);
            expect(fence).toBeGreaterThan(last);
            expect(drawn).toBeGreaterThanOrEqual(1);
            expect(drawn).toBeLessThanOrEqual(count);
            last = fence + drawn - 1;
            expect(last).toBeLessThanOrEqual(clock.wall() * 1_000);
          }
        },
      ),
    );
  });

  it('are fewer than were requested, rather than ahead of the clock', () => {
    const clock = new FakeClock();
    const fences = MemoryFences.of(clock);
    expect(fences.draw(4_000).drawn).toBe(4_000);
    expect(fences.draw(4_000).drawn).toBe(1_000);
    expect(fences.last).toBe(clock.wall() * 1_000);
    // At the least one, where the clock stands still.
    expect(fences.draw(64)).toEqual({ fence: clock.wall() * 1_000 + 1, drawn: 1 });
  });

  it('go on rising when the clock goes back, and over stores that are made anew on one clock', () => {
    const clock = new FakeClock();
    const { fence } = MemoryFences.of(clock).draw(1);
    clock.jumpWall(-3_600_000);
    expect(MemoryFences.of(clock).draw(2)).toEqual({ fence: fence + 1, drawn: 2 });
    expect(MemoryFences.of(clock).draw(1).fence).toBe(fence + 3);
  });

  it('are not ahead of the clock after a storm of callers', async () => {
    const { clock, engine } = core();
    const seen: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const lock = await engine.acquire(['k'], acquiring());
          seen.push(lock.fence);
          await lock.release();
        }),
      );
      expect(Math.max(...seen)).toBeLessThanOrEqual(clock.wall() * 1_000);
      await clock.advance(1);
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });
});
