/** Options that `@Locked` refuses at decoration: mistakes that the compiler cannot see. */
import { describe, expect, it } from '@jest/globals';
import { resolveLockedOptions } from '../../lib/locked/locked.options.js';
import type { LockedOptions } from '../../lib/locked/locked.types.js';

describe('given the options of @Locked', () => {
  it.each([
    [{ mode: 'shared', limit: 3 }, 'limit', /exclude each other/],
    [{ mode: 'Shared' }, 'mode', /must be 'exclusive' or 'shared'/],
    [{ limit: 0 }, 'limit', /a whole number from 1/],
    [{ limit: '3' }, 'limit', /a whole number from 1/],
    [{ limits: 3 }, 'limits', /Did you mean "limit"/],
    [{ onBusy: 'skip', busyStatus: 409 }, 'busyStatus', /left out where "onBusy"/],
    [{ onBusy: () => 1, busyStatus: 409 }, 'busyStatus', /left out where "onBusy"/],
  ])('then %p is refused', (options, option, says) => {
    const refused = (): unknown => resolveLockedOptions(options as LockedOptions);
    expect(refused).toThrow(expect.objectContaining({ code: 'LOCK_OPTIONS', option }));
    expect(refused).toThrow(says);
  });

  it('then the kind is passed on, and a status is accepted where an error is thrown', () => {
    expect(resolveLockedOptions({ mode: 'shared', busyStatus: 409 }).using).toEqual({ mode: 'shared' });
    expect(resolveLockedOptions({ limit: 3, onBusy: 'skip' }).using).toEqual({ limit: 3, wait: 0 });
  });
});
