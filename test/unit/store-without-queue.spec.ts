/** Waiting on a store that excludes, and does not queue. */
import { describe, expect, it } from '@jest/globals';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { acquiring } from '../support/core.js';
import { scenario } from '../support/scenario.js';
import { storeWith } from '../support/store-with.js';

const unqueued = (memory: LockStore): LockStore =>
  storeWith(memory, (session) => ({
    supportsQueue: false,
    canNotify: () => false,
    subscribe: () => Promise.reject(new Error('subscribed to a store without a queue')),
    exchange: (request) => {
      const acquire = request.acquire && { ...request.acquire, mode: 'once' as const };
      return session.exchange({ ...request, acquire });
    },
  }));

describe('given a store without a queue', () => {
  it('then a process that never pauses lets another process in between its own callers', async () => {
    const { a, b, clock, pass, release } = scenario({ store: unqueued });
    let stop = false;
    const greedy = [1, 2, 3].map(async () => {
      while (!stop) {
        const lock = await a.engine.acquire(['k'], acquiring());
        await new Promise<void>((resolve) => void clock.schedule(resolve, 5));
        await lock.release();
      }
    });
    await pass(100);
    const other = b.begin({ wait: 5_000 });
    for (let i = 0; i < 500 && !other.settled; i += 1) await pass(10);
    expect(other.error).toBeUndefined();
    expect(other.state).toBe('holding');
    stop = true;
    await release(other);
    await pass(2_000);
    await Promise.all(greedy);
  });

  it('then a waiter polls, and is granted no later than 300 ms after the release', async () => {
    const { a, b, pass, release } = scenario({ store: unqueued });
    const holder = await a.acquire();
    const waiting = b.begin();
    await pass(3_000);
    await release(holder);
    await pass(301);
    expect(waiting.state).toBe('holding');
    await release(waiting);
  });
});
