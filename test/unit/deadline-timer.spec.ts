/** One timer of the clock for many deadlines. Nearly all deadlines are cancelled before they are due. */
import { describe, expect, it } from '@jest/globals';
import type { Timer } from '../../lib/core/time/clock.js';
import { AlarmTimer } from '../../lib/core/time/alarm.js';
import { DeadlineTimer } from '../../lib/core/runtime/deadline-timer.js';
import { FakeClock } from '../support/fake-clock.js';

function setUp() {
  const clock = new FakeClock();
  const shared = new DeadlineTimer(clock, new AlarmTimer(clock));
  const called: string[] = [];
  const set = (name: string, ms: number, more?: () => void): Timer => {
    const due = (): void => {
      called.push(`${name} at ${clock.monotonic()}`);
      more?.();
    };
    return shared.set({ due }, clock.monotonic(), ms);
  };
  return { clock, called, set };
}

describe('given many deadlines on one shared timer', () => {
  it('then each is called at its time, in the order of the times', async () => {
    const { clock, called, set } = setUp();
    set('a', 100);
    set('b', 30);
    await clock.advance(10);
    set('c', 30);
    set('d', 90);
    set('e', 0);
    await clock.advance(1_000);
    expect(called).toEqual(['e at 10', 'b at 30', 'c at 40', 'a at 100', 'd at 100']);
    expect(clock.timers).toBe(0);
  });

  it('then the clock has one timer for all of them, and none once all are cancelled', async () => {
    const { clock, called, set } = setUp();
    const timers = Array.from({ length: 1_000 }, (_, i) => set(String(i), 50 + (i % 3)));
    expect(clock.timers).toBe(1);
    for (const timer of timers.slice(1)) timer.cancel();
    expect(clock.timers).toBe(1);
    timers[0]?.cancel();
    timers[0]?.cancel();
    expect(clock.timers).toBe(0);
    await clock.advance(100);
    expect(called).toEqual([]);
  });

  it('then the next one is called at its time after the first was cancelled', async () => {
    const { clock, called, set } = setUp();
    const first = set('first', 20);
    await clock.advance(5);
    set('second', 20);
    first.cancel();
    await clock.advance(19);
    expect(called).toEqual([]);
    await clock.advance(1);
    expect(called).toEqual(['second at 25']);
  });

  it('then a deadline that is called may cancel another one and set new ones', async () => {
    const { clock, called, set } = setUp();
    const timers: Timer[] = [];
    set('a', 10, () => {
      timers[0]?.cancel();
      set('new', 10);
      set('now', 0);
    });
    timers.push(set('cancelled', 10));
    set('c', 10);
    await clock.advance(50);
    expect(called).toEqual(['a at 10', 'c at 10', 'now at 10', 'new at 20']);
  });

  it('then the others are called although one throws', async () => {
    const { clock, called, set } = setUp();
    set('bad', 10, () => {
      throw new Error('The test says so.');
    });
    set('b', 10);
    set('c', 20);
    await expect(clock.advance(10)).rejects.toThrow('The test says so.');
    await clock.advance(20);
    expect(called).toEqual(['bad at 10', 'b at 10', 'c at 20']);
  });

  it('then they may have any number of different lengths', async () => {
    const { clock, called, set } = setUp();
    const timers = Array.from({ length: 50 }, (_, i) => set(String(i), 100 - i));
    timers[49]?.cancel();
    timers[0]?.cancel();
    await clock.advance(200);
    expect(called).toEqual(Array.from({ length: 48 }, (_, i) => `${48 - i} at ${52 + i}`));
    expect(clock.timers).toBe(0);
    // A list for a length that no deadline uses any more makes room for another length.
    for (let i = 0; i < 20; i += 1) set(`again ${i}`, 1_000 + i).cancel();
    set('last', 2_000);
    set('other', 2_001);
    expect(clock.timers).toBe(1);
  });
});
