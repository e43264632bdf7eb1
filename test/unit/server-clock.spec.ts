/** What is known of the server's clock from a reading: what it shows at least, and at the most. */
import { describe, expect, it } from '@jest/globals';
import { ServerClock } from '../../lib/stores/redis/commands/server-clock.js';

/** In µs. */
const SERVER = 1_800_000_000_000_000;

describe('a time of the server', () => {
  it('may be ahead while the clock is not known', () => {
    const clock = new ServerClock();
    expect(clock.mayBeAhead(SERVER)).toBe(true);
    clock.set(SERVER, performance.now());
    clock.forget();
    expect(clock.mayBeAhead(SERVER)).toBe(true);
  });

  it('is ahead beyond what the clock can show, and not for what a trip or two clocks are apart', () => {
    const clock = new ServerClock();
    clock.set(SERVER, performance.now());
    expect(clock.mayBeAhead(SERVER + 1_000)).toBe(false);
    expect(clock.mayBeAhead(SERVER + 50_000)).toBe(false);
    expect(clock.mayBeAhead(SERVER + 60_000_000)).toBe(true);
    expect(clock.mayBeAhead(Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it('is not taken to be ahead because the reading came late: fences of hand-offs need no second trip then', () => {
    const clock = new ServerClock();
    // The server read its clock at once, and we its reply 3 s later.
    clock.set(SERVER, performance.now() - 3_000);
    expect(clock.mayBeAhead(SERVER + 3_000_000)).toBe(false);
    expect(clock.at(performance.now())).toBeLessThanOrEqual(SERVER + 1_000);
  });
});
