/** What a lock handle shows and hides, and what its release means. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from '@jest/globals';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import { acquiring } from '../support/core.js';
import { scenario } from '../support/scenario.js';
import { tap } from '../support/tapped-store.js';

describe('given a lock handle', () => {
  it('then nothing that prints it shows its token', async () => {
    const { lock } = await scenario().a.acquire();
    expect(Object.keys(lock)).not.toContain('token');
    expect(JSON.stringify(lock)).not.toContain(lock.token);
    expect((await import('node:util')).inspect(lock, { depth: 9 })).not.toContain(lock.token);
    await lock.release();
  });

  it('then several calls of release() send one command, and all of them return true', async () => {
    const { a, store } = scenario({ store: (memory) => tap(memory) });
    const { lock } = await a.acquire();
    expect(await Promise.all([lock.release(), lock.release()])).toEqual([true, true]);
    expect(await lock.release()).toBe(true);
    await lock[Symbol.asyncDispose]();
    expect(store.exchanges.filter((exchange) => exchange.release !== undefined)).toHaveLength(1);
    expect(lock.held).toBe(false);
    expect(lock.signal.aborted).toBe(false);
    expect(() => lock.assertHeld()).toThrow(/was released already/);
    await expect(lock.extend('5' as never)).rejects.toThrow(
      /^The ttl of extend\(ttl\) is '5', which has no unit: add one, .* above 0/,
    );
  });

  it('then a subscriber of its release event sees it as released, and may release it again', async () => {
    const { a, release } = scenario();
    const [first, next, last] = await a.acquireAtOnce([{}, {}, {}]);
    await release(first);
    const seen: unknown[] = [];
    const again = (): void => void seen.push(next.lock.held, next.lock.release());
    subscribe('nestjs-locked:release', again);
    try {
      const released = next.lock.release();
      expect(await released).toBe(true);
      expect(seen).toEqual([false, released]);
    } finally {
      unsubscribe('nestjs-locked:release', again);
    }
    await release(last);
  });
});

describe('given a hundred thousand keys that were held and released', () => {
  it('then the engine keeps nothing of them', async () => {
    const { a, clock, keyCount } = scenario();
    for (let i = 0; i < 1_000; i += 1) {
      const locks: HeldLock[] = await Promise.all(
        Array.from({ length: 100 }, (_, n) => a.engine.acquire([`${i}:${n}`], acquiring())),
      );
      await Promise.all(locks.map((lock) => lock.release()));
    }
    expect(clock.timers).toBe(0);
    expect(keyCount()).toBe(0);
  });
});
