/** The keys of readers and semaphores that a session remembers: their number is bounded. */
import { describe, expect, it } from '@jest/globals';
import { SharedKeys } from '../../lib/stores/redis/commands/shared-keys.js';

describe('given keys that several tokens have held', () => {
  it('then they are remembered', () => {
    const keys = new SharedKeys();
    expect(keys.has('k')).toBe(false);
    keys.add('k');
    expect(keys.has('k')).toBe(true);
    expect(keys.has('other')).toBe(false);
  });

  it('then the latest ones are remembered, 10,000 at the most', () => {
    const keys = new SharedKeys();
    const all = Array.from({ length: 30_000 }, (_, i) => `k${i}`);
    for (const key of all) keys.add(key);
    const known = all.filter((key) => keys.has(key));
    expect(known.at(-1)).toBe('k29999');
    expect(known.length).toBeGreaterThanOrEqual(5_000);
    expect(known.length).toBeLessThanOrEqual(10_000);
  });
});
