/** Locked work that schedules its own next run. Neither time nor memory may grow with the number of former runs. */
import { AsyncResource } from 'node:async_hooks';
import { EventEmitter, on } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { defer, lastValueFrom, retry } from 'rxjs';
import { Locked } from '../../lib/index.js';
import type { Lock } from '../../lib/core/contracts/lock.js';
import { currentLockContext } from '../../lib/core/holds/lock-context.js';
import { isLockError } from '../../lib/errors/index.js';
import { HandlerScope, runInScope, scopeOf } from '../../lib/locked/handler-scope.js';
import { LockedInterceptor } from '../../lib/locked/locked.interceptor.js';
import { memoryLocks, provideLocks } from '../../lib/testing/provide-locks.js';
import { LockService } from '../../lib/lock.service.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { core } from '../support/core.js';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { collect, heap, Remains } from '../support/garbage.js';

/** One run. It begins the next run by `again`. */
type Run = (locks: LockService, again: () => void, i: number) => void | Promise<unknown>;

const KINDS: Record<string, Run> = {
  'by a timer': (locks, again) => locks.using('k', () => void setImmediate(again)),
  'by an event': (locks, again, i) =>
    locks.using(`k${i % 5}`, () => {
      const emitter = new EventEmitter();
      void on(emitter, 'go').next().then(again);
      emitter.emit('go');
    }),
  'by a promise job': (locks, again, i) => locks.using(`k${i % 5}`, () => void Promise.resolve().then(again)),
  'while it still runs, on another key': (locks, again, i) => locks.using(`k${i % 2}`, () => again()),
  'while it and the one before still run': (locks, again, i) =>
    locks.using(`k${i % 7}`, async () => {
      again();
      await Promise.resolve();
      await Promise.resolve();
    }),
  'while it still runs, as a nested hold': (locks, again) =>
    locks.using('outermost', { reentry: 'join', onLost: 'warn' }, async () => {
      again();
      await Promise.resolve();
    }),
  'as a reader beside the former run': (locks, again) =>
    locks.using('k', { mode: 'shared', reentry: 'wait' }, async () => {
      again();
      await Promise.resolve();
    }),
};

/** Makes `runs` runs, of which each begins the next. Returns a resource that keeps the context of the last run alive. */
async function chain(locks: LockService, run: Run, runs: number): Promise<AsyncResource> {
  const { promise, resolve, reject } = deferred();
  let last: AsyncResource | undefined;
  let i = 0;
  const again = (): void => {
    i += 1;
    if (i > runs) {
      last = new AsyncResource('test');
      return resolve();
    }
    Promise.resolve(run(locks, again, i)).catch((error: unknown) => reject(error as Error));
  };
  again();
  await promise;
  await settle();
  return last as unknown as AsyncResource;
}

function service(): LockService {
  return new LockService(core({ emit: () => undefined }).engine, resolvePolicy());
}

/** The number of lock contexts around this call, over or not. */
function depth(): number {
  let length = 0;
  for (let each = currentLockContext(); each !== undefined; each = each.outer) length += 1;
  return length;
}

/** The growth of the heap for each run, in bytes, and the longest chain of lock contexts that was seen. */
async function costOf(locks: LockService, run: Run): Promise<{ bytes: number; depth: number }> {
  let deepest = 0;
  const watching: Run = (...args) => {
    deepest = Math.max(deepest, depth());
    return run(...args);
  };
  await chain(locks, watching, 1_000);
  let bytes = Infinity;
  // The compiler, the collector and leftovers of other tests may add to a measurement. What is kept adds to all of them.
  for (let i = 0; i < 10 && bytes > 64; i += 1) {
    const before = await heap();
    const last = await chain(locks, watching, 2_000);
    bytes = Math.min(bytes, ((await heap()) - before) / 2_000);
    last.emitDestroy();
  }
  return { bytes, depth: deepest };
}

describe.each(Object.entries(KINDS))('locked work that begins its next run %s', (_, run) => {
  it('given thousands of runs, then nothing is kept of them, and no walk covers them', async () => {
    const { bytes, depth: deepest } = await costOf(service(), run);
    expect(bytes).toBeLessThan(64);
    expect(deepest).toBeLessThan(16);
  }, 60_000);

  it('given an outer lock that stays held, then nothing is kept of the runs, and the outer lock stays known', async () => {
    const locks = service();
    await locks.using('outermost', async (outermost) => {
      const { bytes, depth: deepest } = await costOf(locks, (...args) => {
        if (locks.tryCurrent('outermost')?.token !== outermost.token) throw new Error('It is not known.');
        return run(...args);
      });
      expect(bytes).toBeLessThan(64);
      expect(deepest).toBeLessThan(16);
    });
  }, 60_000);
});

describe('a method with @Locked that schedules its next run', () => {
  class Poller {
    runs = 0;
    readonly locks = new Remains();
    readonly done = deferred();
    last: AsyncResource | undefined;
    constructor(readonly service: LockService) {}

    @Locked('poll')
    async tick(): Promise<void> {
      this.locks.add(this.service.current());
      if ((this.runs += 1) < 1_000) setImmediate(() => void this.tick());
      else {
        this.last = new AsyncResource('test');
        this.done.resolve();
      }
    }
  }

  it('given a thousand runs, then their locks are collected', async () => {
    const locks = memoryLocks();
    const poller = provideLocks(new Poller(locks), locks);
    await poller.tick();
    await poller.done.promise;
    await settle();
    expect(await poller.locks.count()).toBeLessThan(10);
    expect(poller.last).toBeDefined();
  });
});

describe('a context that outlives its locks', () => {
  it('given a resource made under a lock, then the lock is collected though the resource stays', async () => {
    const locks = service();
    const remains = new Remains();
    const kept: AsyncResource[] = [];
    for (let i = 0; i < 20; i += 1) {
      await locks.using(`k${i}`, (lock) => {
        remains.add(lock);
        kept.push(new AsyncResource('test'));
      });
    }
    expect(await remains.count()).toBeLessThan(3);
    expect(kept[0]?.runInAsyncScope(() => locks.tryCurrent())).toBeUndefined();
  });

  it('given a lock that was nested by "within", then neither lock is kept', async () => {
    const locks = service();
    const remains = new Remains();
    const kept: AsyncResource[] = [];
    for (let i = 0; i < 20; i += 1) {
      const lock = await locks.acquire('k');
      remains.add(lock);
      await locks.using(['k', 'm'], { within: lock }, (joined) => {
        remains.add(joined);
        kept.push(new AsyncResource('test'));
      });
      await lock.release();
    }
    expect(await remains.count()).toBeLessThan(5);
  });
});

describe('re-entry and deadlocks', () => {
  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => (isLockError(error) ? error.code : error),
    );

  it('given a live lock outside of contexts that are over, then it is found through them', async () => {
    const locks = service();
    const { promise: barrier, resolve: open } = deferred();
    let code: Promise<unknown> | undefined;
    await locks.using('outer', async () => {
      await locks.using('dead 1', () =>
        locks.using('dead 2', () => {
          code = barrier.then(() => locks.using('inner', () => codeOf(locks.acquire('outer'))));
        }),
      );
      open();
      expect(await code).toBe('LOCK_REENTRY');
    });
  });

  it('given a live lock inside of a context that is over, then it is found, and the outer key is waited for anew', async () => {
    const locks = service();
    const { promise: barrier, resolve: open } = deferred();
    let inner: Promise<unknown> | undefined;
    await locks.using('outer', async () => {
      const entered = deferred();
      inner = locks.using('inner', async () => {
        entered.resolve();
        await barrier;
        const own = await codeOf(locks.acquire('inner'));
        const outer: Lock = await locks.acquire('outer');
        return [own, outer.held];
      });
      await entered.promise;
    });
    open();
    expect(await inner).toEqual(['LOCK_REENTRY', true]);
  });

  it('given a cycle through a live lock outside of contexts that are over, then it is refused', async () => {
    const locks = service();
    const first = locks.using('x', async () => {
      let later: Promise<unknown> | undefined;
      await locks.using('dead', () => {
        later = (async () => {
          await settle();
          return locks.using('inner', () => locks.using('y', () => 'first'));
        })();
      });
      return later;
    });
    const second = locks.using('y', async () => {
      await settle();
      await settle();
      return locks.using('x', () => undefined);
    });
    expect((await Promise.all([codeOf(first), codeOf(second)])).filter(Boolean)).toEqual(['LOCK_DEADLOCK']);
  });
});

describe('handlers whose calls lead to the next one', () => {
  const context = (): ExecutionContext => ({ getType: () => 'rpc' }) as unknown as ExecutionContext;

  it('given a handler that begins the next and ends, then no former handler is kept or walked', async () => {
    const remains = new Remains();
    const site = {};
    const kept: AsyncResource[] = [];
    let innermost: HandlerScope | undefined;
    const call = async (left: number): Promise<void> => {
      const scope = new HandlerScope(site, context());
      remains.add(scope);
      const { promise, resolve } = deferred();
      runInScope(scope, () => {
        expect(scopeOf(site)).toBe(scope);
        if (left === 0) kept.push(new AsyncResource('test'));
        // An inner interceptor or a queue may begin the next call like this.
        setImmediate(() => {
          innermost = scopeOf({});
          if (left === 0) resolve();
          else void call(left - 1).then(resolve);
          // This call ends while the next one runs.
          setImmediate(() => scope.end());
        });
      });
      await promise;
    };
    for (let i = 0; i < 20; i += 1) await call(20);
    expect(innermost).toBeUndefined();
    await collect();
    expect(await remains.count()).toBeLessThan(100);
  });

  it('given an interceptor that retries a thousand times in the context of the last try, then the chain stays short', async () => {
    const site = {};
    const remains = new Remains();
    const interceptor = new LockedInterceptor(site);
    let tries = 0;
    const handle = () =>
      defer(async () => {
        tries += 1;
        const scope = scopeOf(site);
        if (scope !== undefined) remains.add(scope);
        await new Promise((resolve) => setImmediate(resolve));
        if (tries < 1_000) throw new Error('again');
        return remains.count();
      });
    const alive = await lastValueFrom(
      defer(() => interceptor.intercept(context(), { handle })).pipe(
        retry({ count: 1_000, delay: () => new Promise((resolve) => setImmediate(resolve)) }),
      ),
    );
    expect(tries).toBe(1_000);
    expect(alive).toBeLessThan(10);
  });

  it('given a client that leaves before the handler is called, then the handler finds its own ended scope', () => {
    const [outer, inner] = [new HandlerScope({}, context()), new HandlerScope({}, context())];
    runInScope(outer, () =>
      runInScope(inner, () => {
        inner.end();
        outer.end();
        expect(scopeOf(outer.decoration)).toBe(outer);
        expect(scopeOf(inner.decoration)).toBe(inner);
      }),
    );
  });
});
