/** The bounds of the server's clock that follow from one reading: the least and the most that it can show. */
import { describe, expect, it } from '@jest/globals';
import { ServerClock } from '../../lib/stores/redis/commands/server-clock.js';

/** In µs. */
const SERVER = 1_800_000_000_000_000;

describe('given a time of the server', () => {
  it('then it may be ahead while the clock of the server is not known', () => {
    const clock = new ServerClock();
    expect(clock.mayBeAhead(SERVER)).toBe(true);
    clock.set(SERVER, performance.now());
    clock.forget();
    expect(clock.mayBeAhead(SERVER)).toBe(true);
  });

  it('then it is ahead beyond the most that the clock can show, and not within one round trip or the drift of two clocks', () => {
    const clock = new ServerClock();
    clock.set(SERVER, performance.now());
    expect(clock.mayBeAhead(SERVER + 1_000)).toBe(false);
    expect(clock.mayBeAhead(SERVER + 50_000)).toBe(false);
    expect(clock.mayBeAhead(SERVER + 60_000_000)).toBe(true);
    expect(clock.mayBeAhead(Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it('then a reading that arrived late does not make it ahead, so that a fence of a hand-off needs no second round trip', () => {
    const clock = new ServerClock();
    // The server read its clock at once. The reply was read 3 s later.
    clock.set(SERVER, performance.now() - 3_000);
    expect(clock.mayBeAhead(SERVER + 3_000_000)).toBe(false);
    expect(clock.at(performance.now())).toBeLessThanOrEqual(SERVER + 1_000);
  });
});
