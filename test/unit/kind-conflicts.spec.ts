/** Kinds of lock that exclude each other on one key, and several keys of one kind. */
import { describe, expect, it } from '@jest/globals';
import { acquiring } from '../support/core.js';
import { settle } from '../support/fake-clock.js';
import { permit, reading, scenario, states, writing } from '../support/scenario.js';

/** @param there what the message says that the key is used for. */
const kindConflict = (option: string, there: string): object => ({
  code: 'LOCK_OPTIONS',
  option,
  message: expect.stringContaining(there) as unknown,
});

describe('given a key that is held by a lock of another kind', () => {
  it.each([
    ['a writer', writing(), 'limit', 'an exclusive lock'],
    ['a reader', reading(), 'limit', 'a shared lock'],
  ])('then a semaphore is refused at once beside %s', async (_, options, option, there) => {
    const { a, b, release } = scenario();
    const first = await a.acquire(options);
    for (const wait of [0, 10_000]) {
      for (const process of [a, b]) {
        const refused = await process.acquire(permit(2, { wait }));
        expect(refused.error).toMatchObject(kindConflict(option, there));
        expect(refused.error).toMatchObject({ message: expect.stringContaining('"k"') as unknown });
      }
    }
    expect(first.state).toBe('holding');
    await release(first);
    expect(b.engine.keyCount).toBe(0);
  });

  it.each([
    ['a writer', writing()],
    ['a reader', reading()],
  ])(
    'then %s is refused at once beside a semaphore, and granted once that is released',
    async (_, options) => {
      const { a, b, release } = scenario();
      const first = await a.acquire(permit(2));
      for (const wait of [0, 10_000]) {
        for (const process of [a, b]) {
          const refused = await process.acquire({ ...options, wait });
          expect(refused.error).toMatchObject(kindConflict('mode', 'a semaphore'));
        }
      }
      await release(first);
      const next = await b.acquire(options);
      expect(next.state).toBe('holding');
      await release(next);
    },
  );

  it('then all callers that one request stood for are refused with it, and a later caller is granted', async () => {
    const { a, b, release } = scenario();
    const first = await a.acquire(permit(2));
    const all = await b.acquireAtOnce([writing(), reading(), reading(), writing()]);
    for (const { error } of all) expect(error).toMatchObject(kindConflict('mode', 'a semaphore'));
    expect(b.engine.keyCount).toBe(0);
    await release(first);
    const next = await b.acquire(writing());
    expect(next.state).toBe('holding');
    await release(next);
  });
});

describe('given several keys of one kind', () => {
  it('then readers hold all of them together, and a call with a busy key or another kind gets none', async () => {
    const { a, b, release, keyCount } = scenario();
    const [both, beside] = [a.begin(reading(), ['a', 'b']), await b.acquire(reading(), ['a', 'b'])];
    expect(states(both, beside)).toEqual(['holding', 'holding']);
    expect(both.fence).not.toBe(beside.fence);
    expect((await a.acquire(writing({ wait: 0 }), ['a', 'c'])).code).toBe('LOCK_BUSY');
    expect((await a.acquire(permit(2, { wait: 0 }), ['0', 'b'])).code).toBe('LOCK_OPTIONS');
    const free = await a.acquire(writing({ wait: 0 }), ['0', 'c']);
    expect(free.state).toBe('holding');
    await release(both, beside, free);
    expect(keyCount()).toBe(0);
  });

  it('then the fences of semaphores are all different, for one key and for two', async () => {
    const { a, keyCount } = scenario();
    const fences: number[] = [];
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const lock = await a.engine.acquire(i % 3 === 0 ? ['a', 'b'] : ['b'], acquiring(permit(3)));
        fences.push(lock.fence);
        // Holds overlap only if each lasts for some promise jobs.
        await settle();
        await lock.release();
      }),
    );
    expect(new Set(fences).size).toBe(40);
    expect(keyCount()).toBe(0);
  });
});
