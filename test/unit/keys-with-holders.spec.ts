/** The keys of readers and semaphores that a session remembers: their number is bounded. */
import { describe, expect, it } from '@jest/globals';
import { SHARED, TokenGenerator } from '../../lib/core/contracts/token.js';
import { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { SharedKeys } from '../../lib/stores/redis/commands/shared-keys.js';

const tokens = new TokenGenerator('session-with-dashes-', 'label-with-dashes');

function writing(key: string): {
  key: string;
  acquire: { token: string; ttl: number; fences: 1; mode: 'once' };
} {
  return { key, acquire: { token: tokens.next(), ttl: 1, fences: 1, mode: 'once' } };
}

describe('given the set of holders of a key', () => {
  it('then it is declared for readers, for each release, and for writers of a key that had readers', () => {
    const keys = new SharedKeys(new KeyNames('lock:', '', false));
    expect(keys.holdersFor(writing('k'))).toBeUndefined();
    expect(keys.holdersFor({ key: 'k', release: { token: tokens.next() } })).toBe('lock:~nl:h:k');
    expect(keys.holdersFor({ key: 'k', release: { token: tokens.next(SHARED) } })).toBe('lock:~nl:h:k');
    expect(keys.holdersFor(writing('k'))).toBeUndefined();
    const reading = { ...writing('k').acquire, token: tokens.next(SHARED) };
    expect(keys.holdersFor({ key: 'k', acquire: reading })).toBe('lock:~nl:h:k');
    expect(keys.holdersFor(writing('k'))).toBe('lock:~nl:h:k');
    expect(keys.holdersFor(writing('other'))).toBeUndefined();
  });

  it('then it is remembered for the latest keys, 10,000 at the most', () => {
    const keys = new SharedKeys(new KeyNames('lock:', '', false));
    const all = Array.from({ length: 30_000 }, (_, i) => `k${i}`);
    for (const key of all) keys.add(key);
    const known = all.filter((key) => keys.holdersFor(writing(key)) !== undefined);
    expect(known.at(-1)).toBe('k29999');
    expect(known.length).toBeGreaterThanOrEqual(5_000);
    expect(known.length).toBeLessThanOrEqual(10_000);
  });
});
