/** The stack of an error that ends a wait or reports a loss: it leads to the code that waited. */
import { describe, expect, it } from '@jest/globals';
import { types } from 'node:util';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { Locked } from '../../lib/index.js';
import { isLockError, LockBusyError, LockLostError, LockStoreError } from '../../lib/errors/index.js';
import { LockService } from '../../lib/lock.service.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { LockControls } from '../../lib/testing/lock-controls.js';
import { memoryLocks, provideLocks } from '../../lib/testing/provide-locks.js';
import { core } from '../support/core.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { serviceOnFakeClock } from '../support/service.js';
import { storeWith } from '../support/store-with.js';

async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  return promise.then(
    () => expect(promise).rejects.toBeDefined() as never,
    (error: unknown) => error as Error,
  );
}

/** How callers wait; each is named in the stack by its function. */
const WAITS: Record<string, (locks: LockService, options: object) => Promise<unknown>> = {
  'acquire()': async function myBusinessFunction(locks, options) {
    const lock = await locks.acquire('k', options);
    await lock.release();
  },
  'acquire() of several keys': async function myBusinessFunction(locks, options) {
    await locks.acquire(['k', 'l'], options);
  },
  'using()': async function myBusinessFunction(locks, options) {
    await locks.using('k', options, () => undefined);
  },
  'a call further in': async function myBusinessFunction(locks, options) {
    const helper = async () => locks.using('k', options, () => undefined);
    await helper();
  },
  'a @Locked method': async function myBusinessFunction(locks, options) {
    class Stock {
      @Locked('k', options)
      async take(): Promise<void> {}
    }
    await provideLocks(new Stock(), locks).take();
  },
};

// Jest's source maps drop the word "async".
const mine = /at (async )?myBusinessFunction/;

describe.each(Object.entries(WAITS))('given an error of %s', (_, wait) => {
  it('given the key stays busy, then its stack names the caller', async () => {
    const { locks, clock } = serviceOnFakeClock();
    await locks.acquire('k');
    const waiting = errorOf(wait(locks, { wait: 100 }));
    await clock.advance(100);
    const error = await waiting;
    expect(error).toBeInstanceOf(LockBusyError);
    expect(error.stack).toMatch(mine);
    expect(error.stack).toMatch(/^LockBusyError: The lock "k" stayed busy/);
  });

  it('given a busy key and "wait: 0", then its stack names the caller', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.acquire('k');
    expect((await errorOf(wait(locks, { wait: 0 }))).stack).toMatch(/at (async )?myBusinessFunction/);
  });

  it('given the signal aborts, then its stack names the caller, and the reason is its cause', async () => {
    const { locks } = serviceOnFakeClock();
    await locks.acquire('k');
    const controller = new AbortController();
    const waiting = errorOf(wait(locks, { signal: controller.signal }));
    await settle();
    const reason = new Error('enough');
    controller.abort(reason);
    const error = await waiting;
    expect(error).toMatchObject({ code: 'LOCK_ABORTED', key: 'k', cause: reason });
    expect(error.stack).toMatch(mine);
  });

  it('given the application shuts down, then its stack names the caller', async () => {
    const { locks, engine } = serviceOnFakeClock();
    await locks.acquire('k');
    const waiting = errorOf(wait(locks, {}));
    await settle();
    engine.refuse();
    const error = await waiting;
    expect(error).toMatchObject({ code: 'LOCK_SHUTDOWN', key: 'k' });
    expect(error.stack).toMatch(mine);
  });
});

describe('given an error that ends several waits at once', () => {
  it('then each caller has an error of its own, with a stack of its own', async () => {
    const clock = new FakeClock();
    const exchange = () => Promise.reject(new LockStoreError('down', new Error('why')));
    const store = storeWith(memoryStore({ clock }), () => ({ exchange }));
    const locks = new LockService(core({ clock, store }).engine, resolvePolicy());
    async function one() {
      await locks.acquire('k');
    }
    async function two() {
      await locks.acquire('k');
    }
    const [first, second] = await Promise.all([errorOf(one()), errorOf(two())]);
    expect([first.stack, second.stack]).toEqual([
      expect.stringMatching(/at (async )?one/),
      expect.stringMatching(/at (async )?two/),
    ]);
    for (const error of [first, second]) {
      expect(error).toBeInstanceOf(LockStoreError);
      expect(isLockError(error, 'LOCK_STORE') && types.isNativeError(error)).toBe(true);
      expect(error).toMatchObject({ name: 'LockStoreError', message: 'down', cause: { message: 'why' } });
    }
  });
});

describe('given a LockLostError', () => {
  it('then its stack names the caller of using(), of assertHeld() and of extend()', async () => {
    const controls = new LockControls();
    const locks = memoryLocks(controls);
    let asserted: unknown;
    let extended: unknown;
    async function myWork() {
      await locks.using('k', async function inside(lock) {
        await controls.expire('k');
        try {
          lock.assertHeld();
        } catch (error) {
          asserted = error;
        }
        extended = await errorOf(lock.extend());
      });
    }
    const error = await errorOf(myWork());
    for (const each of [error, asserted, extended] as Error[]) expect(each).toBeInstanceOf(LockLostError);
    expect(error.stack).toMatch(/at (async )?myWork/);
    expect((asserted as Error).stack).toMatch(/at inside/);
    expect((extended as Error).stack).toMatch(/LockHandle\.assertHeld|at (async )?inside/);
  });

  it('given the work failed too, then the error of the work is its cause', async () => {
    const controls = new LockControls();
    const locks = memoryLocks(controls);
    const failure = new Error('work');
    async function myWork() {
      await locks.using('k', async () => {
        await controls.expire('k');
        throw failure;
      });
    }
    const error = await errorOf(myWork());
    expect(error).toMatchObject({ code: 'LOCK_LOST', cause: failure });
    expect(error.stack).toMatch(/at (async )?myWork/);
  });
});

describe('given an error that is thrown by the call itself', () => {
  it('then its stack is the stack of the call', async () => {
    const { locks } = serviceOnFakeClock();
    function unawaited() {
      return locks.acquire('k', { ttl: 'never' as never });
    }
    expect((await errorOf(unawaited())).stack).toMatch(/at unawaited/);
    await locks.using('k', async () => {
      expect((await errorOf(locks.acquire('k'))).stack).toMatch(/error-stacks\.spec/);
    });
  });
});
