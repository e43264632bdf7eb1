/** `reentry: 'wait'`: calls that inherited the async context of a holder, and are no part of its work. */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { nestedCalls } from '../support/nested-calls.js';
import { watch } from '../support/scenario.js';

const waiting = { reentry: 'wait' } as const;
const shared = { mode: 'shared' } as const;

/**
 * Runs one task at a time, each in the async context of the caller that started it: as p-limit, p-queue and fastq may.
 */
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

describe('given a call that waits for a key of its context', () => {
  it('then a task that a shared queue runs in the context of a holder runs after the holder, not beside it', async () => {
    const { begin, end, locks } = nestedCalls();
    const queue = new SharedQueue();
    const holder = await begin('k');
    const own = deferred();
    await holder.run(() => void queue.add(() => own.promise));
    let refused: Promise<unknown> | undefined;
    const unrelated = watch(
      queue.add(() => {
        refused = locks.acquire('k');
        void refused.catch(() => undefined);
        return locks.using('k', waiting, () => 'task');
      }),
    );
    own.resolve();
    await settle();
    await expect(refused).rejects.toMatchObject({ code: 'LOCK_REENTRY' });
    expect([holder.state, unrelated.settled]).toEqual(['inside', false]);
    await holder.leave();
    expect(unrelated.value).toBe('task');
    await end(holder);
  });

  it('then a listener of an event that is emitted under the lock runs after the release', async () => {
    const { begin, end, locks, engine } = nestedCalls();
    const events = new EventEmitter();
    const listened: unknown[] = [];
    events.on('paid', () => void locks.using('k', waiting, () => listened.push('listener')));
    const emitter = await begin('k');
    await emitter.run(() => events.emit('paid'));
    expect([emitter.state, listened]).toEqual(['inside', []]);
    await emitter.leave();
    expect(listened).toEqual(['listener']);
    await end(emitter);
    expect([engine.waits.size, engine.keyCount]).toEqual([0, 0]);
  });

  it('then "wait" ends the call at its deadline if it is part of the work of the holder', async () => {
    const { begin, end, locks, pass } = nestedCalls();
    const holder = await begin('k');
    const busy = await holder.run(() => locks.acquire(['j', 'k'], { ...waiting, wait: 300 }));
    await pass(299);
    expect(busy.settled).toBe(false);
    await pass(1);
    expect(busy.code).toBe('LOCK_BUSY');
    expect((await holder.run(() => locks.tryAcquire('k', waiting))).value).toBeNull();
    expect(holder.state).toBe('inside');
    await end(holder);
  });

  it('then a reader within a reader has a hold of its own, which outlives the outer hold', async () => {
    const { task, end, locks } = nestedCalls();
    const reader = task();
    const outer = await reader.enter('k', shared);
    const own = await reader.run(() => locks.acquire('k', { ...shared, ...waiting }));
    expect(own.value?.fence).toBeGreaterThan(outer.value?.fence ?? Infinity);
    await reader.leave();
    expect([outer.state, own.value?.held]).toEqual(['left', true]);
    expect(await locks.tryAcquire('k')).toBeNull();
    await own.value?.release();
    await end(reader);
  });

  it('then a writer within a reader waits for the reader, and is not refused as an upgrade', async () => {
    const { begin, end, locks } = nestedCalls();
    const reader = await begin('k', shared);
    const writer = await reader.run(() => locks.using('k', waiting, () => 'written'));
    expect(writer.settled).toBe(false);
    await reader.leave();
    expect(writer.value).toBe('written');
    await end(reader);
  });

  it('then another kind of lock is refused as for a caller outside that context', async () => {
    const { begin, end, locks } = nestedCalls();
    const holder = await begin('k', { limit: 2 });
    expect((await holder.run(() => locks.acquire('k', waiting))).code).toBe('LOCK_OPTIONS');
    await end(holder);
  });
});

describe('given deadlocks among calls that wait for a key of their context', () => {
  it('then no cycle is seen through a holder that does not wait itself', async () => {
    const { begin, end, locks } = nestedCalls();
    const holder = await begin('h');
    await holder.enter('k', shared);
    const reader = await begin('k', shared);
    // The listener waits for both readers of "k". The second reader waits for "h", which the holder holds.
    await reader.enter('h');
    const listener = await holder.run(() => locks.using('k', waiting, () => 'listener'));
    expect([reader.state, listener.settled]).toEqual(['waiting', false]);
    await end(holder);
    expect([reader.state, listener.settled]).toEqual(['inside', false]);
    await end(reader);
    expect(listener.value).toBe('listener');
  });

  it('then a cycle is found that a key of the waiting call itself closes', async () => {
    const { begin, end, engine } = nestedCalls();
    const holder = await begin('k');
    const listener = await holder.detach();
    await listener.enter('own');
    await listener.enter('k', waiting);
    await holder.enter('own');
    const ends = [holder.state, listener.state];
    expect(ends.filter((state) => state === 'LOCK_DEADLOCK')).toHaveLength(1);
    await end(holder, listener);
    expect(engine.waits.size).toBe(0);
  });
});
