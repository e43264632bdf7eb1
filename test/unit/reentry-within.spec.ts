/** `within: lock`: a call that joins the given hold, regardless of its async context. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import type { Lock } from '../../lib/core/contracts/lock.js';
import { isLockError } from '../../lib/errors/index.js';
import { LockService } from '../../lib/lock.service.js';
import { LockTestingModule } from '../../lib/testing/lock-testing.module.js';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { serviceOnFakeClock } from '../support/service.js';

const outside = AsyncLocalStorage.snapshot();
const shared = { mode: 'shared' } as const;

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (reason: unknown) => (isLockError(reason) ? { ...reason, code: reason.code } : reason),
  );
}

describe('given a call with "within: lock"', () => {
  it('given no async context of a lock, then acquire, tryAcquire and using join exactly that hold', async () => {
    const { locks, free } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    for (const joined of [
      await locks.acquire('a', { within: lock }),
      await locks.tryAcquire('a', { within: lock }),
      await locks.using('a', { within: lock }, (inner) => inner),
    ]) {
      expect([joined?.token, joined?.fence]).toEqual([lock.token, lock.fence]);
      await joined?.release();
    }
    expect(lock.held).toBe(true);
    expect(await free('a')).toBe(false);
    await lock.release();
    expect(await free('a')).toBe(true);
  });

  it('given work in another async context, as in a shared queue, then it joins too, and calls inside it know the lock', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('a', async (lock) => {
      await outside(async () => {
        expect(locks.tryCurrent('a')).toBeUndefined();
        await locks.using('a', { within: lock }, async (inner) => {
          expect(locks.current('a')).toBe(inner);
          expect(await errorOf(locks.acquire('a'))).toMatchObject({ code: 'LOCK_REENTRY' });
          expect(await locks.using('a', { reentry: 'join' }, ({ fence }) => fence)).toBe(lock.fence);
        });
        expect(locks.tryCurrent('a')).toBeUndefined();
      });
    });
  });

  it('given a lock of several keys, then each key can be joined, and all of them are known inside', async () => {
    const { locks } = serviceOnFakeClock();
    const lock = await locks.acquire(['a', 'b']);
    await locks.using('b', { within: lock }, async (inner) => {
      expect([inner.keys, inner.fence]).toEqual([['b'], lock.fence]);
      expect(locks.current('a')).toBe(lock);
      expect(await errorOf(locks.acquire('a'))).toMatchObject({ code: 'LOCK_REENTRY', key: 'a' });
    });
    const both = await locks.acquire(['b', 'a'], { within: lock });
    expect([both.keys, both.fence]).toEqual([['a', 'b'], lock.fence]);
    await lock.release();
  });

  it('given further keys that sort behind those of the lock, then they are acquired, and released by the call itself', async () => {
    const { locks, free } = serviceOnFakeClock();
    const lock = await locks.acquire('b');
    const more = await locks.acquire(['b', 'c'], { within: lock });
    expect(more.fences.get('b')).toBe(lock.fence);
    expect(await free('c')).toBe(false);
    await more.release();
    expect(await free('c')).toBe(true);
    expect(await errorOf(locks.acquire(['a', 'b'], { within: lock }))).toMatchObject({
      code: 'LOCK_REENTRY',
    });
    await lock.release();
  });

  it('given a lock that itself joined a hold, then that hold is joined, and refused once the given lock has ended', async () => {
    const { locks } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    const first = await locks.acquire('a', { within: lock });
    const second = await locks.acquire('a', { within: first });
    expect(second.token).toBe(lock.token);
    await first.release();
    expect(second.held).toBe(true);
    expect(await errorOf(locks.acquire('a', { within: first }))).toMatchObject({ code: 'LOCK_NOT_HELD' });
    await lock.release();
    expect(second.held).toBe(false);
    expect((second as HeldLock).lost).toMatchObject({ reason: 'released' });
    expect(await errorOf(locks.acquire('a', { within: second }))).toMatchObject({ code: 'LOCK_NOT_HELD' });
  });

  it('given another hold of the same key in its context, then it joins the given hold', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.using('a', shared, (first) =>
      locks.using('a', { ...shared, reentry: 'wait' }, async (second) => {
        expect(second.fence).not.toBe(first.fence);
        const joined = await locks.acquire('a', { ...shared, within: first });
        expect(joined.fence).toBe(first.fence);
        expect(await locks.using('a', { ...shared, reentry: 'join' }, ({ fence }) => fence)).toBe(
          second.fence,
        );
      }),
    );
  });
});

describe('given "within" with a lock that does not hold the key', () => {
  it('given a lock that was released, then the call is refused with LockNotHeldError, and acquires nothing', async () => {
    const { locks, free, engine } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    await lock.release();
    for (const refused of [
      locks.acquire('a', { within: lock }),
      locks.tryAcquire('a', { within: lock }),
      locks.using(['a', 'b'], { within: lock }, () => 1),
    ]) {
      expect(await errorOf(refused)).toMatchObject({ code: 'LOCK_NOT_HELD', key: 'a' });
      await expect(refused).rejects.toThrow(/"within" has been released.*"a".*before the release/);
    }
    expect([await free('a'), await free('b'), engine.keyCount]).toEqual([true, true, 0]);
  });

  it('given a lock of other keys, then the call is refused with LockNotHeldError, and the message names both keys', async () => {
    const { locks, free } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    const refused = locks.acquire('b', { within: lock });
    expect(await errorOf(refused)).toMatchObject({ code: 'LOCK_NOT_HELD', key: 'b' });
    await expect(refused).rejects.toThrow(/"within" holds "a", and not "b"/);
    expect(await free('b')).toBe(true);
    await lock.release();
  });

  it('given a lock that was lost, then the call is refused with its LockLostError', async () => {
    const { locks, clock } = serviceOnFakeClock();
    const lock = await locks.acquire('a', { maxHold: 100 });
    await clock.advance(100);
    expect(await errorOf(locks.acquire('a', { within: lock }))).toMatchObject({
      code: 'LOCK_LOST',
      reason: 'max-hold',
    });
    await lock.release();
  });

  it('given a lock of another service or an object like a lock, then the call is refused with LockOptionsError', async () => {
    const [one, two] = [serviceOnFakeClock(), serviceOnFakeClock()];
    const lock = await two.locks.acquire('a');
    const like = { keys: ['a'], release: () => Promise.resolve(true) } as unknown as Lock;
    for (const within of [lock, like]) {
      expect(await errorOf(one.locks.acquire('a', { within }))).toMatchObject({
        code: 'LOCK_OPTIONS',
        option: 'within',
      });
      await expect(one.locks.using('a', { within }, () => 1)).rejects.toThrow(/of this very LockService/);
    }
    await lock.release();
  });
});

describe('given "within" together with other options', () => {
  it('given compatible kinds of lock, then the call joins for each value of "reentry"', async () => {
    const { locks } = serviceOnFakeClock();
    const [writer, reader] = [await locks.acquire('w'), await locks.acquire('r', shared)];
    const permit = await locks.acquire('p', { limit: 1 });
    for (const reentry of ['throw', 'join', 'wait'] as const) {
      for (const [lock, options] of [
        [writer, {}],
        [writer, shared],
        [reader, shared],
        [permit, { limit: 1 }],
      ] as const) {
        const joined = await locks.acquire(lock.keys[0], { ...options, reentry, within: lock });
        expect(joined.fence).toBe(lock.fence);
        await joined.release();
      }
    }
  });

  it('given a writer within a reader, then it is refused as with "join"; another kind is an error of the options', async () => {
    const { locks } = serviceOnFakeClock();
    const [reader, permit] = [await locks.acquire('r', shared), await locks.acquire('p', { limit: 2 })];
    await expect(locks.acquire('r', { within: reader })).rejects.toThrow(/cannot become an exclusive one/);
    expect(await errorOf(locks.acquire('r', { limit: 2, within: reader }))).toMatchObject({
      option: 'limit',
    });
    expect(await errorOf(locks.acquire('p', { within: permit }))).toMatchObject({ option: 'mode' });
  });

  it('given "reentry", then it counts for the keys that the given lock does not hold', async () => {
    const { locks, clock } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    await locks.using('b', async (held) => {
      const both = (options: object) => locks.acquire(['a', 'b'], { within: lock, ...options });
      expect(await errorOf(both({}))).toMatchObject({ code: 'LOCK_REENTRY', key: 'b' });
      const joined = await both({ reentry: 'join' });
      expect(joined.fences.get('b')).toBe(held.fence);
      const waiting = errorOf(both({ reentry: 'wait', wait: 100 }));
      await clock.advance(100);
      expect(await waiting).toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
    });
  });

  it('given "minHold", then it counts from the time of the join', async () => {
    const { locks, clock, free } = serviceOnFakeClock();
    const lock = await locks.acquire('a');
    await locks.using('a', { within: lock, minHold: 500 }, () => undefined);
    await lock.release();
    await clock.advance(480);
    expect(await free('a')).toBe(false);
    await clock.advance(30);
    expect(await free('a')).toBe(true);
  });

  it('given work that goes on after the call, then it does not run under the lock', async () => {
    const { locks } = serviceOnFakeClock();
    const barrier = deferred();
    const lock = await locks.acquire('a');
    let left!: Promise<Lock | undefined>;
    await locks.using('a', { within: lock }, () => {
      left = barrier.promise.then(() => locks.tryCurrent('a'));
    });
    barrier.resolve();
    expect(await left).toBeUndefined();
    await lock.release();
  });

  it('given a cycle of waits through the given lock, then the cycle is found', async () => {
    const { locks, engine } = serviceOnFakeClock();
    const x = await locks.acquire('x');
    const y = locks.using('y', async () => {
      await settle();
      return locks.using('x', () => 'went on');
    });
    await settle();
    await settle();
    const refused = locks.using('x', { within: x }, () => locks.acquire('y'));
    expect(await errorOf(refused)).toMatchObject({ code: 'LOCK_DEADLOCK', key: 'y' });
    await x.release();
    expect(await y).toBe('went on');
    expect(engine.waits.size).toBe(0);
  });
});

describe('given "within" in the test kit', () => {
  it('given a LockTestingModule, then the call joins as in an application', async () => {
    const module = await Test.createTestingModule({ imports: [LockTestingModule.forRoot()] }).compile();
    const locks = module.get(LockService);
    const lock = await locks.acquire('a');
    expect(await locks.using('a', { within: lock }, ({ fence }) => fence)).toBe(lock.fence);
    await lock.release();
    expect(await errorOf(locks.acquire('a', { within: lock }))).toMatchObject({ code: 'LOCK_NOT_HELD' });
    await module.close();
  });
});
