/** Fences of the memory store rise and are not ahead of the clock. Fences of Redis have the same two properties. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryFences } from '../../lib/stores/memory/memory.fences.js';
import { FakeClock } from '../support/fake-clock.js';
import { acquiring, core } from '../support/core.js';

describe('given fences of the memory store', () => {
  it('then they rise, and are not ahead of a clock that advances by a millisecond or more between two draws', () => {
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

  it('then a draw returns fewer fences than requested, before it returns one ahead of the clock', () => {
    const clock = new FakeClock();
    const fences = MemoryFences.of(clock);
    expect(fences.draw(4_000).drawn).toBe(4_000);
    expect(fences.draw(4_000).drawn).toBe(1_000);
    expect(fences.last).toBe(clock.wall() * 1_000);
    // A draw returns at least one fence, even if the clock stands still.
    expect(fences.draw(64)).toEqual({ fence: clock.wall() * 1_000 + 1, drawn: 1 });
  });

  it('then they still rise after the clock went back, and across new stores on one clock', () => {
    const clock = new FakeClock();
    const { fence } = MemoryFences.of(clock).draw(1);
    clock.jumpWall(-3_600_000);
    expect(MemoryFences.of(clock).draw(2)).toEqual({ fence: fence + 1, drawn: 2 });
    expect(MemoryFences.of(clock).draw(1).fence).toBe(fence + 3);
  });

  it('then they are not ahead of the clock after many rounds of concurrent callers', async () => {
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
