/** `reentry: 'wait'`: calls that inherited a holder's async context, and are no part of its work. */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { isLockError } from '../../lib/errors/index.js';
import { LockService } from '../../lib/lock.service.js';
import { core } from '../support/core.js';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';

const waiting = { reentry: 'wait' } as const;
const shared = { mode: 'shared' } as const;

function setup() {
  const { engine, clock } = core();
  return { engine, clock, locks: new LockService(engine, resolvePolicy()) };
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => (isLockError(error) ? error.code : error),
  );

/** Runs one task at a time, each in the context of whoever ran the one before: as p-limit, p-queue and fastq may. */
class SharedQueue {
  readonly #tasks: Array<() => Promise<void>> = [];
  #running = false;

  add<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => task().then(resolve, reject));
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) await task();
    this.#running = false;
  }
}

describe('a call that waits for a key of its context', () => {
  it('given a task that a shared queue runs in the context of a holder, then it runs after the holder, not beside it', async () => {
    const { locks } = setup();
    const queue = new SharedQueue();
    const seen: string[] = [];
    const [begun, end] = [deferred(), deferred()];
    let code: Promise<unknown> | undefined;
    const holder = locks.using('k', async () => {
      const own = queue.add(async () => {
        begun.resolve();
        await settle();
      });
      await own;
      await end.promise;
      seen.push('holder');
    });
    await begun.promise;
    const unrelated = queue.add(() => {
      code = codeOf(locks.acquire('k'));
      return locks.using('k', waiting, () => void seen.push('task'));
    });
    await settle();
    await settle();
    expect(await code).toBe('LOCK_REENTRY');
    end.resolve();
    await Promise.all([holder, unrelated]);
    expect(seen).toEqual(['holder', 'task']);
  });

  it('given a listener of an event that is emitted under the lock, then it runs once the lock is given back', async () => {
    const { locks, engine } = setup();
    const events = new EventEmitter();
    const seen: string[] = [];
    let listened: Promise<unknown> | undefined;
    events.on('paid', () => {
      listened = locks.using('k', waiting, () => void seen.push('listener'));
    });
    await locks.using('k', async () => {
      events.emit('paid');
      await settle();
      seen.push('emitter');
    });
    await listened;
    expect(seen).toEqual(['emitter', 'listener']);
    expect([engine.waits.size, engine.keyCount]).toEqual([0, 0]);
  });

  it('given it is part of the holder, then "wait" ends it, as of anybody', async () => {
    const { locks, clock } = setup();
    await locks.using('k', async (lock) => {
      const busy = codeOf(locks.acquire(['j', 'k'], { ...waiting, wait: 300 }));
      await clock.advance(299);
      expect(await Promise.race([busy, Promise.resolve('waiting')])).toBe('waiting');
      await clock.advance(1);
      expect(await busy).toBe('LOCK_BUSY');
      expect(await locks.tryAcquire('k', waiting)).toBeNull();
      expect(lock.held).toBe(true);
    });
  });

  it('given a reader within a reader, then it has a hold of its own, which outlives the outer one', async () => {
    const { locks } = setup();
    const own = await locks.using('k', shared, async (outer) => {
      const lock = await locks.acquire('k', { ...shared, ...waiting });
      expect(lock.fence).toBeGreaterThan(outer.fence);
      return lock;
    });
    expect(own.held).toBe(true);
    expect(await locks.tryAcquire('k')).toBeNull();
    await own.release();
  });

  it('given a writer within a reader, then it waits for the reader, and is not refused as an upgrade', async () => {
    const { locks } = setup();
    let writer: Promise<unknown> | undefined;
    await locks.using('k', shared, async () => {
      writer = locks.using('k', waiting, () => 'written');
      await settle();
    });
    expect(await writer).toBe('written');
  });

  it('given another kind of lock, then it is refused as a caller from outside is', async () => {
    const { locks } = setup();
    await locks.using('k', { limit: 2 }, async () => {
      expect(await codeOf(locks.acquire('k', waiting))).toBe('LOCK_OPTIONS');
    });
  });
});

describe('deadlocks of calls that wait for a key of their context', () => {
  it('given the holder waits for others meanwhile, then no cycle is seen through it that is none', async () => {
    const { locks } = setup();
    let listener: Promise<unknown> | undefined;
    const [read, end] = [deferred(), deferred()];
    const holder = locks.using('h', async () => {
      await locks.using('k', shared, async () => {
        await read.promise;
        listener = locks.using('k', waiting, () => 'listener');
        await end.promise;
      });
      return 'holder';
    });
    // Another reader, which the listener waits for too, waits for what the holder holds.
    const reader = locks.using('k', shared, async () => {
      read.resolve();
      return locks.using('h', () => 'reader');
    });
    await settle();
    end.resolve();
    expect(await Promise.all([holder, reader])).toEqual(['holder', 'reader']);
    expect(await listener).toBe('listener');
  });

  it('given what it holds itself closes a cycle, then it is found', async () => {
    const { locks, engine } = setup();
    const barrier = deferred();
    let listener: Promise<unknown> | undefined;
    const holder = locks.using('k', async () => {
      listener = codeOf(
        locks.using('own', async () => {
          await barrier.promise;
          return locks.using('k', waiting, () => 'listener');
        }),
      );
      await settle();
      barrier.resolve();
      await settle();
      return codeOf(locks.using('own', () => 'holder'));
    });
    const ends = [await holder, await listener];
    expect(ends.filter((end) => end === 'LOCK_DEADLOCK')).toHaveLength(1);
    expect(engine.waits.size).toBe(0);
  });
});
