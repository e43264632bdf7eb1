/** A nested call for a held key without `reentry: 'wait'`: it is refused at once, or joins the hold. */
import { describe, expect, it } from '@jest/globals';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import { isLockError } from '../../lib/errors/index.js';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { serviceOnFakeClock } from '../support/service.js';

const joining = { reentry: 'join' } as const;

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isLockError(error) ? error.code : error;
}

describe('given a nested call for a held key, without "reentry"', () => {
  it('then acquire, tryAcquire and using refuse it at once, also among several keys', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('a', async () => {
      await expect(locks.acquire('a')).rejects.toMatchObject({ code: 'LOCK_REENTRY', key: 'a' });
      await expect(locks.acquire('a')).rejects.toThrow(
        /by this very call.*or by other work with an async context that this call inherited.*"reentry: 'join'" or "within: lock".*"reentry: 'wait'"/,
      );
      await expect(locks.tryAcquire('a')).rejects.toMatchObject({ code: 'LOCK_REENTRY' });
      await expect(locks.using(['z', 'a'], () => 1)).rejects.toMatchObject({
        code: 'LOCK_REENTRY',
        key: 'a',
      });
      await expect(locks.acquire('a', { reentry: 'throw' })).rejects.toMatchObject({ code: 'LOCK_REENTRY' });
    });
  });

  it('then only calls of that async context are refused: a call beside it waits, and work after the release acquires the key', async () => {
    const { locks, clock } = serviceOnFakeClock();
    const [inside, after] = [deferred(), deferred()];
    let left: Promise<unknown> = Promise.resolve();
    const first = locks.using('a', async () => {
      left = after.promise.then(() => locks.acquire('a'));
      await inside.promise;
    });
    await settle();
    const beside = locks.acquire('a', { wait: 100 });
    void beside.catch(() => undefined);
    await clock.advance(100);
    expect(await codeOf(beside)).toBe('LOCK_BUSY');
    inside.resolve();
    await first;
    after.resolve();
    expect((await (left as Promise<HeldLock>)).held).toBe(true);
  });

  it('then a call after a plain acquire waits, because a plain acquire has no async context', async () => {
    const { locks, clock } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    const again = codeOf(locks.acquire('a', { wait: 100, reentry: 'join' }));
    await clock.advance(100);
    expect(await again).toBe('LOCK_BUSY');
    await lock.release();
  });

  it('then the same key of another LockService is a different key', async () => {
    const [one, two] = [serviceOnFakeClock(), serviceOnFakeClock()];
    await one.locks.using('a', async () => {
      await two.locks.using('a', (lock) => {
        expect(two.locks.current('a')).toBe(lock);
        expect(one.locks.current('a')).not.toBe(lock);
      });
      expect(two.locks.tryCurrent('a')).toBeUndefined();
    });
  });
});

describe(`given "reentry: 'join'"`, () => {
  it('then the call has the token, fence, remaining time and expiry of the outer hold, without a command', async () => {
    const { locks, clock } = serviceOnFakeClock();
    await locks.using('a', { ttl: 9_000 }, async (outer) => {
      await clock.advance(1_000);
      const inner = await locks.acquire('a', joining);
      expect(inner.keys).toEqual(['a']);
      expect([inner.token, inner.fence, inner.held]).toEqual([outer.token, outer.fence, true]);
      expect([...inner.fences]).toEqual([['a', outer.fence]]);
      expect([inner.remaining, inner.expiresAt]).toEqual([outer.remaining, outer.expiresAt]);
      expect(() => inner.assertHeld()).not.toThrow();
      expect(inner.signal.aborted).toBe(false);
    });
  });

  it('then the call acquires a key that is not held', async () => {
    const { locks, free } = serviceOnFakeClock();
    const lock = await locks.acquire('a', joining);
    expect(await free('a')).toBe(false);
    await lock.release();
    expect(await free('a')).toBe(true);
  });

  it('then only the outermost call releases the key, at any depth', async () => {
    const { locks, free } = serviceOnFakeClock();
    await locks.using('a', async (outer) => {
      const fence = await locks.using('a', joining, async (middle) => {
        const inner = await locks.tryAcquire('a', joining);
        expect(await inner?.release()).toBe(true);
        expect(await inner?.release()).toBe(true);
        expect(inner?.held).toBe(false);
        expect(() => inner?.assertHeld()).toThrow(/was released already/);
        expect(inner?.signal.aborted).toBe(false);
        expect(middle.held).toBe(true);
        expect(locks.current('a')).toBe(middle);
        return middle.fence;
      });
      expect(fence).toBe(outer.fence);
      expect(outer.held).toBe(true);
      expect(locks.current('a')).toBe(outer);
      expect(await free('a')).toBe(false);
    });
    expect(await free('a')).toBe(true);
  });

  it('then an inner call outlives the middle call, and ends with the outermost call', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('a', async (outer) => {
      const inner = await locks.using('a', joining, () => locks.acquire('a', joining));
      expect(inner.held).toBe(true);
      await outer.release();
      expect(inner.held).toBe(false);
    });
  });

  it('then work that goes on after the outermost release has lost the lock: held, signal, assertHeld() and using() say so', async () => {
    const { locks, free, events } = serviceOnFakeClock();
    const barrier = deferred();
    let inner!: Promise<unknown>;
    let seen!: HeldLock;
    await locks.using('a', async () => {
      inner = locks.using('a', joining, async (lock) => {
        seen = lock as HeldLock;
        await barrier.promise;
        return 'done';
      });
      await settle();
      expect(seen.signal.aborted).toBe(false);
    });
    expect(seen.held).toBe(false);
    expect(seen.remaining).toBe(0);
    expect(seen.signal.aborted).toBe(true);
    expect(seen.signal.reason).toMatchObject({ code: 'LOCK_LOST', key: 'a', reason: 'released' });
    expect(() => seen.assertHeld()).toThrow(/gave it back/);
    expect(events).toMatchObject([{ name: 'lost', key: 'a', reason: 'released' }]);
    expect(await free('a')).toBe(true);
    barrier.resolve();
    await expect(inner).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'released' });
    expect(await seen.release()).toBe(false);
  });

  it('then that work does not count as a holder: current() knows no lock, and a nested call acquires the key anew', async () => {
    const { locks, clock } = serviceOnFakeClock();
    const barrier = deferred();
    let inner!: Promise<unknown>;
    await locks.using('a', async () => {
      inner = locks.using('a', { ...joining, onLost: 'warn' }, async () => {
        await barrier.promise;
        expect(locks.tryCurrent('a')).toBeUndefined();
        const busy = codeOf(locks.acquire('a', { ...joining, wait: 50 }));
        await clock.advance(50);
        expect(await busy).toBe('LOCK_BUSY');
        await next.release();
        const own = await locks.acquire('a', joining);
        expect(own.fence).toBeGreaterThan(next.fence);
        return own.release();
      });
      await settle();
    });
    const next = await locks.acquire('a');
    barrier.resolve();
    expect(await inner).toBe(true);
  });

  it('then a loss of the lease is a loss for each call that joined it', async () => {
    const { locks, clock } = serviceOnFakeClock();
    const work = locks.using('a', { maxHold: 1_000, onLost: 'warn' }, async (outer) => {
      const inner = await locks.acquire('a', joining);
      const released = await locks.acquire('a', joining);
      const { signal } = inner;
      await released.release();
      await clock.advance(1_000);
      expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'max-hold' });
      expect(signal.reason).toBe((outer as HeldLock).lost);
      expect(inner.held).toBe(false);
      expect(released.signal.aborted).toBe(false);
      expect(await inner.release()).toBe(false);
      expect(await released.release()).toBe(true);
      expect(await codeOf(locks.acquire('a', joining))).toBe('LOCK_LOST');
      return 'done';
    });
    expect(await work).toBe('done');
  });

  it('then extend() counts for all calls, by the ttl of the outermost call unless a ttl is given', async () => {
    const { locks, clock } = serviceOnFakeClock();
    await locks.using('a', { ttl: 10_000, renew: false }, async (outer) => {
      const inner = await locks.acquire('a', { ...joining, ttl: '40s' });
      await clock.advance(4_000);
      expect(inner.remaining).toBe(6_000);
      await inner.extend();
      expect([inner.remaining, outer.remaining]).toEqual([10_000, 10_000]);
      await inner.extend('1m');
      expect([inner.remaining, outer.remaining]).toEqual([60_000, 60_000]);
    });
  });

  it('then its minHold keeps the key busy, counted from the time of the join', async () => {
    const { locks, clock, free } = serviceOnFakeClock();
    await locks.using('a', { minHold: 200 }, async () => {
      await clock.advance(100);
      await locks.using('a', { ...joining, minHold: 500 }, () => undefined);
      await locks.using('a', { ...joining, minHold: 50 }, () => undefined);
    });
    await clock.advance(480);
    expect(await free('a')).toBe(false);
    await clock.advance(30);
    expect(await free('a')).toBe(true);
  });

  it('then an aborted signal refuses the call, which does not wait and thus has no later abort', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('a', async () => {
      const aborted = { ...joining, signal: AbortSignal.abort(new Error('gone')) };
      expect(await codeOf(locks.acquire('a', aborted))).toBe('LOCK_ABORTED');
    });
  });

  it('then the call is allowed during a shutdown, because it acquires nothing', async () => {
    const { locks, engine } = serviceOnFakeClock();
    await locks.using('a', async () => {
      engine.refuse();
      expect((await locks.acquire('a', joining)).held).toBe(true);
      expect(await codeOf(locks.acquire('b', joining))).toBe('LOCK_SHUTDOWN');
      expect(await codeOf(locks.acquire(['a', 'b'], joining))).toBe('LOCK_SHUTDOWN');
    });
  });
});

describe(`given several keys of which some are held, and "reentry: 'join'"`, () => {
  it('then the call joins the held keys, acquires the others, and releases these others itself', async () => {
    const { locks, free } = serviceOnFakeClock();
    await locks.using(['a', 'b'], async (outer) => {
      await locks.using(['c', 'b'], joining, async (inner) => {
        expect(inner.keys).toEqual(['b', 'c']);
        expect(inner.fences.get('b')).toBe(outer.fence);
        expect(inner.fences.get('c')).toBeGreaterThan(outer.fence);
        expect(await free('c')).toBe(false);
        // If writes protected by "b" used the fence of "c", later writes of the outer call would be refused.
        expect(() => inner.fence).toThrow(/was joined.*Use "fences"/);
        const innermost = await locks.acquire(['a', 'c'], joining);
        expect([...innermost.fences]).toEqual([
          ['a', outer.fence],
          ['c', inner.fences.get('c')],
        ]);
      });
      expect(await free('c')).toBe(true);
      expect(await free('b')).toBe(false);
      const both = await locks.acquire(['b', 'a'], joining);
      expect([both.fence, both.token]).toEqual([outer.fence, outer.token]);
    });
  });

  it('then a further key that sorts before a held key is refused, for two processes could wait for each other', async () => {
    const { locks, free } = serviceOnFakeClock();
    await locks.using('b', async () => {
      const refused = locks.acquire(['a', 'b', 'c'], joining);
      await expect(refused).rejects.toMatchObject({ code: 'LOCK_REENTRY', key: 'b' });
      await expect(refused).rejects.toThrow(/"a" is not, and sorts before it/);
      expect(await free('a')).toBe(true);
    });
  });

  it('then a call that finds another key busy holds nothing more than before', async () => {
    const { locks, clock, free } = serviceOnFakeClock();
    const busy = await locks.acquire('c');
    await locks.using('a', async (outer) => {
      const refused = codeOf(locks.acquire(['a', 'b', 'c'], { ...joining, wait: 100, minHold: 5_000 }));
      await clock.advance(100);
      expect(await refused).toBe('LOCK_BUSY');
      expect(await free('b')).toBe(true);
      expect(outer.held).toBe(true);
      expect((outer as HeldLock).rootOf('a')?.nested?.size).toBe(0);
    });
    expect(await free('a')).toBe(true);
    await busy.release();
  });

  it('then the call holds the other keys to its own end, even if the outer call ended before', async () => {
    const { locks, free } = serviceOnFakeClock();
    const barrier = deferred();
    let inner!: Promise<unknown>;
    await locks.using('a', async () => {
      inner = locks.using(['a', 'b'], { ...joining, onLost: 'warn' }, async (lock) => {
        await barrier.promise;
        expect(lock.held).toBe(false);
        expect(await free('b')).toBe(false);
        expect(await codeOf(locks.acquire('b'))).toBe('LOCK_REENTRY');
        const again = await locks.acquire('b', joining);
        expect([again.held, again.fence]).toEqual([true, lock.fences.get('b')]);
        expect((await locks.acquire('a')).fence).toBeGreaterThan(again.fence);
      });
      await settle();
    });
    barrier.resolve();
    await inner;
    expect(await free('b')).toBe(true);
  });

  it('then the call releases the other keys if the outer call ended while the call waited', async () => {
    const { locks, free } = serviceOnFakeClock();
    const busy = await locks.acquire('b');
    let inner!: Promise<unknown>;
    await locks.using('a', async () => {
      inner = locks.acquire(['a', 'b'], { ...joining, minHold: 5_000 });
      void inner.catch(() => undefined);
      await settle();
    });
    await busy.release();
    await expect(inner).rejects.toMatchObject({ code: 'LOCK_LOST', key: 'a', reason: 'released' });
    expect(await free('b')).toBe(true);
  });
});

describe('given a hold that is joined a thousand times', () => {
  it('then the hold keeps no reference to an ended call', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('a', async (outer) => {
      for (let i = 0; i < 1_000; i += 1) await locks.using('a', joining, () => undefined);
      expect((outer as HeldLock).rootOf('a')?.nested?.size).toBe(0);
    });
  });
});

describe('given a nested call with another kind of lock', () => {
  const shared = { mode: 'shared' } as const;

  it('then a shared lock inside an exclusive or a shared lock is refused without "reentry", and joins with it', async () => {
    const { locks, free } = serviceOnFakeClock();
    for (const outer of [{}, shared] as const) {
      await locks.using('a', outer, async (lock) => {
        await expect(locks.acquire('a', shared)).rejects.toMatchObject({ code: 'LOCK_REENTRY', key: 'a' });
        const joined = await locks.acquire('a', { ...shared, reentry: 'join' });
        expect([joined.fence, joined.token]).toEqual([lock.fence, lock.token]);
        expect(await joined.release()).toBe(true);
        expect(lock.held).toBe(true);
      });
      expect(await free('a')).toBe(true);
    }
  });

  it('then an exclusive lock inside a shared lock is refused with and without "join": it would wait for itself', async () => {
    const { locks, free } = serviceOnFakeClock();
    await locks.using('a', shared, async (lock) => {
      for (const reentry of ['join', 'throw'] as const) {
        const refused = locks.using(['a', 'b'], { reentry }, () => 1);
        await expect(refused).rejects.toMatchObject({ code: 'LOCK_REENTRY', key: 'a' });
        await expect(refused).rejects.toThrow(/shared lock cannot become an exclusive one.*outer call/);
      }
      await expect(locks.tryAcquire('a', { reentry: 'join' })).rejects.toMatchObject({
        code: 'LOCK_REENTRY',
      });
      expect(lock.held).toBe(true);
      expect(await free('b')).toBe(true);
    });
  });

  it('then an exclusive lock inside shared inside exclusive joins the outermost hold', async () => {
    const { locks } = serviceOnFakeClock();
    const held = await locks.using('a', (outer) =>
      locks.using('a', { ...shared, reentry: 'join' }, () =>
        locks.using('a', { reentry: 'join' }, (inner) => inner.fence === outer.fence),
      ),
    );
    expect(held).toBe(true);
  });

  it('then a permit joins a permit of the same semaphore, and no further permit is used', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('s', { limit: 1 }, async (outer) => {
      await expect(locks.acquire('s', { limit: 1 })).rejects.toMatchObject({ code: 'LOCK_REENTRY' });
      const joined = await locks.acquire('s', { limit: 1, reentry: 'join' });
      expect(joined.token).toBe(outer.token);
      await joined.release();
    });
    await (await locks.acquire('s', { limit: 1 })).release();
  });

  it('then a semaphore and another kind on one key are refused as an error of the options, with and without "join"', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('s', { limit: 2 }, async () => {
      for (const options of [{}, joining, { ...shared, ...joining }]) {
        await expect(locks.acquire('s', options)).rejects.toMatchObject({
          code: 'LOCK_OPTIONS',
          option: 'mode',
        });
      }
    });
    await locks.using('s', () =>
      expect(locks.acquire('s', { limit: 2, reentry: 'join' })).rejects.toMatchObject({
        code: 'LOCK_OPTIONS',
        option: 'limit',
      }),
    );
  });
});
