/** A semaphore in the engine: how many callers hold a permit at once, and in which order callers get one. */
import { describe, expect, it } from '@jest/globals';
import { acquiring } from '../support/core.js';
import { settle } from '../support/fake-clock.js';
import { type Caller, permit, scenario, states, writing } from '../support/scenario.js';
import { tap } from '../support/tapped-store.js';

describe('given callers of two processes that request one of three permits', () => {
  it('then three hold one, and each release admits the next caller in the order of the requests', async () => {
    const { a, b, release, keyCount } = scenario();
    const all: Caller[] = [];
    for (const process of [a, b, a, b, a, b]) all.push(await process.acquire(permit(3)));
    expect(states(...all)).toEqual(['holding', 'holding', 'holding', 'waiting', 'waiting', 'waiting']);
    for (let i = 0; i < 3; i += 1) {
      await release(all[i]);
      expect(states(...all.slice(3))).toEqual([0, 1, 2].map((n) => (n <= i ? 'holding' : 'waiting')));
    }
    await release(...all.slice(3));
    expect(keyCount()).toBe(0);
  });
});

describe('given many callers of one process at once', () => {
  it('then the permits are all used and never exceeded, and fences rise in the order of entry', async () => {
    const { a, keyCount } = scenario();
    const entered: number[] = [];
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        const lock = await a.engine.acquire(['k'], acquiring(permit(5)));
        entered.push(lock.fence);
        inside += 1;
        most = Math.max(most, inside);
        // Holds overlap only if each lasts for some promise jobs.
        await settle();
        inside -= 1;
        await lock.release();
      }),
    );
    expect(most).toBe(5);
    expect(entered).toEqual([...entered].sort((x, y) => x - y));
    expect(new Set(entered).size).toBe(300);
    expect(keyCount()).toBe(0);
  });

  it('then one permit serves many callers without a command between them', async () => {
    const { a, store } = scenario({ store: (memory) => tap(memory) });
    await Promise.all(
      Array.from({ length: 640 }, async () =>
        (await a.engine.acquire(['k'], acquiring(permit(2)))).release(),
      ),
    );
    expect(store.exchanges.length).toBeLessThan(640 / 8);
  });
});

describe('given a process that vanished with two permits', () => {
  it('then each permit is free again at the ttl of its own lease', async () => {
    const { a, store, memory, process, pass, release } = scenario({ store: (inner) => tap(inner) });
    const b = process(memory);
    const vanished = [await a.acquire(permit(2, { ttl: 2_000 })), await a.acquire(permit(2, { ttl: 5_000 }))];
    store.failing = true;
    const waits = [b.begin(permit(2)), b.begin(permit(2))];
    await pass(1_990);
    expect(states(...waits)).toEqual(['waiting', 'waiting']);
    // The check for the end of a lease may come up to 1.2 s after that end: a second and its jitter.
    await pass(1_300);
    expect(states(...waits)).toEqual(['holding', 'waiting']);
    await pass(3_000);
    expect(states(...waits)).toEqual(['holding', 'holding']);
    expect(vanished.map(({ lock }) => lock.lost?.code)).toEqual(['LOCK_LOST', 'LOCK_LOST']);
    await release(...waits);
  });
});

describe('given callers with different limits', () => {
  it('then each caller enters by its own limit', async () => {
    const { a, release, keyCount } = scenario();
    const [...all] = await a.acquireAtOnce([permit(2), permit(2), permit(2), permit(4), permit(1)]);
    const [first, second, third, raised, lowered] = all;
    expect(states(...all)).toEqual(['holding', 'holding', 'waiting', 'waiting', 'waiting']);
    await release(first);
    expect(states(second, third, raised, lowered)).toEqual(['holding', 'holding', 'holding', 'waiting']);
    await release(second, third);
    expect(states(raised, lowered)).toEqual(['holding', 'waiting']);
    await release(raised);
    expect(lowered.state).toBe('holding');
    await release(lowered);
    expect(keyCount()).toBe(0);
  });
});

describe('given a semaphore of two permits', () => {
  it('then tryAcquire gets a permit that is free, and never overtakes a waiter', async () => {
    const { a, release } = scenario();
    const first = await a.acquire(permit(2));
    const second = await a.acquire(permit(2, { wait: 0 }));
    expect(states(first, second)).toEqual(['holding', 'holding']);
    expect((await a.acquire(permit(2, { wait: 0 }))).code).toBe('LOCK_BUSY');
    const waiting = await a.acquire(permit(2));
    expect((await a.acquire(permit(5, { wait: 0 }))).code).toBe('LOCK_BUSY');
    await release(first);
    expect(waiting.state).toBe('holding');
    await release(second, waiting);
  });

  it('then a caller that comes back after it left does not return to its old position', async () => {
    const { a, b, leave, release } = scenario();
    const [inA, inB] = [a.begin(permit(2)), await b.acquire(permit(2))];
    const leaving = new AbortController();
    const left = await a.acquire(permit(2, { signal: leaving.signal }));
    const other = await b.acquire(permit(2));
    await leave(leaving);
    const late = await a.acquire(permit(2));
    await release(inB);
    expect(states(left, other, late)).toEqual(['LOCK_ABORTED', 'holding', 'waiting']);
    await release(inA, other);
    await release(late);
  });

  it('then the request of a process is released once its last waiter entered by another permit', async () => {
    const { a, b, release, keyCount } = scenario();
    const [first, second, third, fourth] = await a.acquireAtOnce(Array.from({ length: 4 }, () => permit(2)));
    await release(first);
    // The permit of `first` may serve `third` and `fourth`. The process has requested another permit meanwhile.
    await release(third);
    expect(states(second, third, fourth)).toEqual(['holding', 'released', 'holding']);
    const other = await b.acquire(permit(2));
    expect(other.state).toBe('waiting');
    await release(fourth);
    expect(other.state).toBe('holding');
    await release(second, other);
    expect(keyCount()).toBe(0);
    expect((await a.acquire(writing({ wait: 0 }))).state).toBe('holding');
  });

  it('then a failure of the store refuses the caller of that time, and not one that comes later', async () => {
    const { a, store, release, keyCount } = scenario({ store: (memory) => tap(memory) });
    const first = await a.acquire(permit(2));
    store.failing = true;
    expect((await a.acquire(permit(2))).code).toBe('LOCK_STORE');
    store.failing = false;
    const second = await a.acquire(permit(2));
    expect(states(first, second)).toEqual(['holding', 'holding']);
    await release(first, second);
    expect(keyCount()).toBe(0);
  });
});

describe('given a store without a queue', () => {
  it('then no more callers hold a permit than the limit allows, and all of them get one', async () => {
    const { a, b, pass, release, keyCount } = scenario({ store: (memory) => tap(memory, false) });
    const all = [a, b, a, b].map((process) => process.begin(permit(2)));
    await pass(1_000);
    const first = all.filter(({ settled }) => settled);
    expect(states(...first)).toEqual(['holding', 'holding']);
    await release(...first);
    await pass(1_000);
    expect(all.filter(({ value }) => value !== undefined)).toHaveLength(4);
    await release(...all);
    await pass(1_000);
    expect(keyCount()).toBe(0);
  });
});
