/**
 * Waits that resemble a cycle and are no deadlock: none of these calls is refused. The clock stands still: no deadline
 * helps.
 */
import { describe, expect, it } from '@jest/globals';
import { settle } from '../support/fake-clock.js';
import { nestedCalls } from '../support/nested-calls.js';
import { watch } from '../support/scenario.js';

const shared = { mode: 'shared' } as const;

describe('given callers that wait, and no cycle', () => {
  it('then branches of one call get a key that all of them want, one after the other', async () => {
    const { begin, end } = nestedCalls();
    const call = await begin('x');
    const branches = [await call.branch(), await call.branch(), await call.branch()];
    for (const branch of branches) await branch.enter('y');
    expect(branches.map(({ state }) => state)).toEqual(['inside', 'waiting', 'waiting']);
    await branches[0].leave();
    expect(branches.map(({ state }) => state)).toEqual(['left', 'inside', 'waiting']);
    await branches[1].leave();
    expect(branches.map(({ state }) => state)).toEqual(['left', 'left', 'inside']);
    await end(call);
  });

  it('then a call that does not wait is told that the key is busy', async () => {
    const { begin, end, locks } = nestedCalls();
    const first = await begin('x');
    const second = await begin('y');
    await first.enter('y');
    expect((await second.run(() => locks.tryAcquire('x'))).value).toBeNull();
    expect((await second.run(() => locks.acquire('x', { wait: 0 }))).code).toBe('LOCK_BUSY');
    await end(first, second);
  });

  it('then a reader does not wait for other readers, and enters beside one that waits for it', async () => {
    const { begin, end } = nestedCalls();
    const first = await begin('k', shared);
    const second = await begin('x');
    await first.enter('x');
    await second.enter('k', shared);
    expect([first.state, second.state]).toEqual(['waiting', 'inside']);
    await end(second);
    expect(first.state).toBe('inside');
    await end(first);
  });

  it('then a wait for a semaphore is not refused, for any of its permits may end the wait', async () => {
    const { begin, end, engine } = nestedCalls();
    const other = await begin('s', { limit: 2 });
    const holder = await begin('s', { limit: 2 });
    const wanting = await begin('x');
    await holder.enter('x');
    await wanting.enter('s', { limit: 2 });
    expect([holder.state, wanting.state]).toEqual(['waiting', 'waiting']);
    await end(other);
    expect(wanting.state).toBe('inside');
    await end(wanting);
    expect(holder.state).toBe('inside');
    await end(holder);
    expect(engine.waits.size).toBe(0);
  });
});

describe('given a caller that no longer holds the key', () => {
  it('then a lock that was released before the end of its work counts no more', async () => {
    const { task, begin, end } = nestedCalls();
    const first = task();
    const x = await first.enter('x');
    const second = await begin('y');
    await x.value?.release();
    await first.enter('y');
    await second.enter('x');
    expect([first.state, second.state]).toEqual(['waiting', 'inside']);
    await end(first, second);
  });

  it('then work that goes on after the release may wait', async () => {
    const { begin, end, engine } = nestedCalls();
    const second = await begin('y');
    const first = await begin('x');
    const running = await first.detach();
    await running.enter('y');
    await first.leave();
    await second.enter('x');
    expect([running.state, second.state]).toEqual(['waiting', 'inside']);
    await end(second);
    expect(running.state).toBe('inside');
    await end(first, running);
    expect(engine.waits.size).toBe(0);
  });

  it('then a lock that was lost meanwhile counts no more', async () => {
    const { begin, end, pass } = nestedCalls();
    const first = await begin('x', { maxHold: 100, onLost: 'warn' });
    const second = await begin('y');
    await first.enter('y', { wait: '1h' });
    await pass(200);
    await second.enter('x');
    expect([first.state, second.state]).toEqual(['waiting', 'inside']);
    await end(first, second);
  });
});

describe('given a call for several keys that lost one of them while it waited', () => {
  it('then the lost key does not count once the call has begun anew', async () => {
    const { begin, end, locks, pass } = nestedCalls();
    const b = await locks.acquire('b');
    const both = await begin(['a', 'b'], { maxHold: 100, wait: '1h' });
    const next = watch(locks.acquire('b'));
    await pass(100);
    // `both` has lost "a" to `inA`, and finds that out when it gets "b". Then it waits for "a" again, and holds
    // nothing.
    const inA = await begin('a');
    await b.release();
    await settle();
    await inA.enter('b');
    expect([inA.state, both.state]).toEqual(['waiting', 'waiting']);
    await next.value?.release();
    await settle();
    expect(inA.state).toBe('inside');
    await end(inA);
    expect([both.state, both.keys]).toEqual(['inside', ['a', 'b']]);
    await end(both);
  });

  it('then the lost key does not count while the call waits for the other one', async () => {
    const { begin, end, pass } = nestedCalls();
    const inB = await begin('b');
    const both = await begin(['a', 'b'], { maxHold: 100, wait: '1h' });
    await pass(100);
    const inA = await begin('a');
    await inB.enter('a');
    expect([inB.state, both.state]).toEqual(['waiting', 'waiting']);
    await end(inA);
    expect(inB.state).toBe('inside');
    await end(inB);
    expect([both.state, both.keys]).toEqual(['inside', ['a', 'b']]);
    await end(both);
  });
});

describe('given a wait that ends by its deadline, its signal or a shutdown', () => {
  it('then it is no longer part of the graph', async () => {
    const { task, end, locks, engine, pass } = nestedCalls();
    const busy = await locks.acquire('y');
    const leaving = new AbortController();
    const tasks = [task(), task(), task()];
    await tasks[0].enter('a');
    await tasks[0].enter('y', { wait: 100 });
    await tasks[1].enter('b');
    await tasks[1].enter('y', { signal: leaving.signal });
    await tasks[2].enter('c');
    await tasks[2].enter(['y', 'z']);
    expect(engine.waits.size).toBe(3);
    await pass(100);
    expect(engine.waits.size).toBe(2);
    leaving.abort();
    await settle();
    expect(engine.waits.size).toBe(1);
    engine.refuse();
    await settle();
    expect(engine.waits.size).toBe(0);
    expect(tasks.map(({ state }) => state)).toEqual(['LOCK_BUSY', 'LOCK_ABORTED', 'LOCK_SHUTDOWN']);
    await end(...tasks);
    await busy.release();
  });
});

describe('given a call that holds nothing', () => {
  it('then its wait leaves no trace in the graph, and is not checked', async () => {
    const { locks, engine } = nestedCalls();
    const held = await locks.acquire('y');
    const waiting = [locks.using('y', () => 1), locks.acquire('y').then((lock) => lock.release())];
    await settle();
    expect(engine.waits.size).toBe(0);
    await held.release();
    await Promise.all(waiting);
  });
});
