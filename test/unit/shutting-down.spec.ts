/** An engine that shuts down: callers are refused, holders may finish within the grace. */
import { describe, expect, it } from '@jest/globals';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { scenario, states, watch } from '../support/scenario.js';
import { storeWith } from '../support/store-with.js';

describe('given an engine that shuts down', () => {
  it('then new callers and waiters are refused, and drain() resolves once the holder has finished', async () => {
    const { a, clock, pass, release } = scenario();
    const [holder, waiting] = await a.acquireAtOnce([{}, {}]);
    a.engine.refuse();
    await settle();
    expect(waiting.error).toMatchObject({ code: 'LOCK_SHUTDOWN', key: 'k' });
    expect((await a.acquire({}, ['other'])).code).toBe('LOCK_SHUTDOWN');
    expect((await a.acquire({ wait: 0 }, ['other'])).code).toBe('LOCK_SHUTDOWN');
    const drained = watch(a.engine.drain(10_000));
    await pass(5_000);
    expect(drained.settled).toBe(false);
    expect(holder.state).toBe('holding');
    expect(await release(holder)).toEqual([true]);
    expect(drained.settled).toBe(true);
    await a.engine.close();
    await a.engine.close();
    expect(clock.timers).toBe(0);
  });

  it('then a lock that is held after the grace is released: its holder sees a loss, the next caller is granted', async () => {
    const { a, b, pass, release } = scenario();
    const stuck = await a.acquire();
    const next = b.begin({ wait: 20_000 });
    const drained = watch(a.engine.drain(1_000));
    await pass(1_001);
    expect(drained.settled).toBe(true);
    expect(stuck.lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'shutdown' });
    expect(states(stuck, next)).toEqual(['lost', 'holding']);
    await release(next);
    await a.engine.close();
  });

  it('then it awaits the reply to a call with "wait: 0", and releases what that reply grants', async () => {
    const replied = deferred();
    const { a, process, memory, release } = scenario({
      store: (inner) =>
        storeWith(inner, (session) => ({
          exchange: async (request) => {
            const reply = await session.exchange(request);
            await replied.promise;
            return reply;
          },
        })),
    });
    const trying = await a.acquire({ wait: 0 });
    await a.engine.drain(0);
    const closed = watch(a.engine.close());
    await settle();
    expect([trying.settled, closed.settled]).toEqual([false, false]);
    replied.resolve();
    await settle();
    expect(trying.error).toMatchObject({ code: 'LOCK_SHUTDOWN', key: 'k' });
    expect(closed.settled).toBe(true);
    await release(await process(memory).acquire({ wait: 0 }));
  });
});
