/** One timer of the clock for many deadlines. Nearly all deadlines are cancelled before they are due. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock, type Timer } from '../../lib/core/time/clock.js';
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

describe('given a clock whose timers may rest', () => {
  function restingSetUp() {
    const clock = new FakeClock();
    const state = { mayRest: true, scheduled: 0 };
    const timer = new AlarmTimer({
      monotonic: () => clock.monotonic(),
      wall: () => clock.wall(),
      schedule(callback, delay) {
        const { cancel } = clock.schedule(callback, delay);
        state.scheduled += 1;
        return {
          cancel,
          get mayRest() {
            return state.mayRest;
          },
        };
      },
    });
    const shared = new DeadlineTimer(clock, timer);
    const called: string[] = [];
    const set = (name: string, ms: number): Timer =>
      shared.set({ due: () => called.push(`${name} at ${clock.monotonic()}`) }, clock.monotonic(), ms);
    return { clock, state, timer, called, set };
  }

  it('then many deadlines, one after the other, need one timer', async () => {
    const { clock, state, called, set } = restingSetUp();
    for (let i = 0; i < 50; i += 1) {
      set('cancelled', 100).cancel();
      await clock.advance(1);
    }
    expect([clock.timers, state.scheduled]).toEqual([1, 1]);
    set('kept', 100);
    await clock.advance(99);
    expect(called).toEqual([]);
    await clock.advance(1);
    expect(called).toEqual(['kept at 150']);
    expect([clock.timers, state.scheduled]).toEqual([0, 2]);
  });

  it('then an earlier deadline gets a timer of its own', async () => {
    const { clock, called, set } = restingSetUp();
    set('cancelled', 100).cancel();
    set('soon', 10);
    await clock.advance(10);
    expect(called).toEqual(['soon at 10']);
    expect(clock.timers).toBe(0);
  });

  it('then a resting timer that comes due calls nobody, and the next deadline has a new one', async () => {
    const { clock, called, set } = restingSetUp();
    set('cancelled', 100).cancel();
    await clock.advance(200);
    expect(clock.timers).toBe(0);
    set('later', 100);
    await clock.advance(100);
    expect(called).toEqual(['later at 300']);
  });

  it('then a timer that must not rest any more is replaced', () => {
    const { clock, state, set } = restingSetUp();
    set('cancelled', 100).cancel();
    state.mayRest = false;
    const kept = set('kept', 100);
    expect([clock.timers, state.scheduled]).toEqual([1, 2]);
    kept.cancel();
    expect(clock.timers).toBe(0);
  });

  it('then the end of the engine cancels a resting timer, and no other', () => {
    const { clock, timer, set } = restingSetUp();
    const kept = set('kept', 100);
    timer.end();
    expect(clock.timers).toBe(1);
    kept.cancel();
    timer.end();
    expect(clock.timers).toBe(0);
  });
});

describe('given fake timers that a test installs while the timer of the process rests', () => {
  afterEach(() => void jest.useRealTimers());

  it('then the next deadline is on the fake timers, and leaves none of them', () => {
    const shared = new DeadlineTimer(systemClock, new AlarmTimer(systemClock));
    const called: string[] = [];
    const set = (name: string): Timer =>
      shared.set({ due: () => called.push(name) }, systemClock.monotonic(), 60_000);
    set('cancelled').cancel();
    jest.useFakeTimers();
    const kept = set('kept');
    expect(jest.getTimerCount()).toBe(1);
    kept.cancel();
    expect(jest.getTimerCount()).toBe(0);
    set('due');
    jest.advanceTimersByTime(60_001); // The callback follows in an immediate.
    expect(called).toEqual(['due']);
    const last = set('last');
    jest.useRealTimers();
    last.cancel();
    set('real').cancel();
    expect(called).toEqual(['due']);
  });
});
