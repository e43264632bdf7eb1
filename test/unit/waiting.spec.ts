/** Callers that wait for a key in one process and in two: order, batches, and what ends a wait. */
import { describe, expect, it } from '@jest/globals';
import { acquiring } from '../support/core.js';
import { settle } from '../support/fake-clock.js';
import { type Process, scenario, states } from '../support/scenario.js';
import { tap } from '../support/tapped-store.js';

describe('given many callers of one process', () => {
  it('then they are served in the order of their requests, each with a fence above the fence before', async () => {
    const { engine } = scenario().a;
    const order: number[] = [];
    let fence = 0;
    await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const lock = await engine.acquire(['k'], acquiring());
        order.push(i);
        expect(lock.fence).toBeGreaterThan(fence);
        fence = lock.fence;
        expect(await lock.release()).toBe(true);
      }),
    );
    expect(order).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it('then the store receives one request for each batch of them', async () => {
    const { a, store } = scenario({ store: (memory) => tap(memory) });
    await Promise.all(
      Array.from({ length: 640 }, async () => (await a.engine.acquire(['k'], acquiring())).release()),
    );
    // The first caller goes alone, then batches of 64 follow, then the last release.
    expect(store.exchanges.length).toBeLessThanOrEqual(1 + Math.ceil(639 / 64) + 1);
  });

  it('then another process that waits is served after one batch at the latest', async () => {
    const { a, b } = scenario();
    const order: string[] = [];
    const use = async (name: string, { engine }: Process) => {
      const lock = await engine.acquire(['k'], acquiring());
      order.push(name);
      await lock.release();
    };
    const first = await a.engine.acquire(['k'], acquiring());
    const all = [...Array.from({ length: 200 }, () => use('a', a)), use('b', b)];
    await settle();
    await first.release();
    await Promise.all(all);
    expect(order.indexOf('b')).toBeLessThanOrEqual(64);
    expect(order).toHaveLength(201);
  });

  it('then no hold starts later than 50 ms into a batch while another process waits', async () => {
    const { a, b, pass, release } = scenario();
    const first = await a.acquire();
    const [second, other] = [a.begin(), b.begin()];
    const third = await a.acquire();
    await release(first);
    // `b` queued before `a` requested the key for `second` and `third`, which wait behind `b`.
    expect(states(other, second)).toEqual(['holding', 'waiting']);
    await release(other);
    expect(states(second, third)).toEqual(['holding', 'waiting']);
    const waiting = b.begin();
    await pass(60);
    await release(second);
    expect(states(third, waiting)).toEqual(['waiting', 'holding']);
    await release(waiting);
    await release(third);
  });
});

describe('given a key that another caller holds', () => {
  it('then a wait ends at its deadline with LockBusyError: key, holder and the time waited', async () => {
    const { a, pass, release } = scenario();
    const holder = await a.acquire();
    const waiting = a.begin({ wait: 1_000 });
    await pass(999);
    expect(waiting.state).toBe('waiting');
    await pass(2);
    expect(waiting.error).toMatchObject({ code: 'LOCK_BUSY', key: 'k', waited: 1_000, holder: 'test' });
    await release(holder);
  });

  it('then a caller that joins queued callers is told "busy", not that the store is silent', async () => {
    const { a, b, pass, release } = scenario();
    const holder = await b.acquire();
    const stayer = await a.acquire();
    const newcomer = a.begin({ wait: 20 });
    await pass(20);
    expect(newcomer.error).toMatchObject({ code: 'LOCK_BUSY', waited: 20 });
    await release(holder);
    await release(stayer);
  });

  it('then a caller leaves at once if its signal aborts, and the other waiter is still served', async () => {
    const { a, leave, release } = scenario();
    const holder = await a.acquire();
    const leaving = new AbortController();
    const [leaver, stayer] = await a.acquireAtOnce([{ signal: leaving.signal }, {}]);
    await leave(leaving, new Error('enough'));
    expect(leaver.error).toMatchObject({ code: 'LOCK_ABORTED', cause: new Error('enough') });
    await release(holder);
    expect(stayer.state).toBe('holding');
    await release(stayer);
  });

  it('then a process leaves the queue of the store with its last caller, and the next process is served', async () => {
    const { a, b, process, pass, release } = scenario();
    const holder = await a.acquire();
    const leaver = await b.acquire({ wait: 500 });
    const stayer = process().begin();
    await pass(600);
    expect(leaver.code).toBe('LOCK_BUSY');
    await release(holder);
    expect(stayer.state).toBe('holding');
    await release(stayer);
  });

  it('then at most maxWaiters callers wait for it, and another key is not affected', async () => {
    const { a, release } = scenario({ maxWaiters: 2 });
    const holder = await a.acquire();
    const waiting = [a.begin(), a.begin()];
    const refused = await a.acquire();
    expect(refused.error).toMatchObject({ code: 'LOCK_QUEUE_FULL', key: 'k', maxWaiters: 2 });
    expect((await a.acquire({}, ['other'])).state).toBe('holding');
    await release(holder);
    await release(waiting[0]);
    await release(waiting[1]);
  });

  it('then wait: 0 is answered without the store while this process surely holds the key', async () => {
    const { a, store, release } = scenario({ store: (memory) => tap(memory) });
    const holder = await a.acquire();
    const before = store.exchanges.length;
    const refused = await a.acquire({ wait: 0 });
    expect(refused.error).toMatchObject({ code: 'LOCK_BUSY', waited: 0 });
    expect(store.exchanges).toHaveLength(before);
    await release(holder);
    await release(await a.acquire({ wait: 0 }));
  });

  it('then a waiter of another process is granted when the lease of the holder ends early', async () => {
    const { a, b, pass, release } = scenario();
    const doomed = await a.acquire({ ttl: 1_000, renew: false });
    const waiting = b.begin();
    await pass(990);
    expect(waiting.state).toBe('waiting');
    await pass(400);
    expect(states(doomed, waiting)).toEqual(['lost', 'holding']);
    await release(waiting);
  });
});

describe('given a signal that was aborted before the call', () => {
  it('then the call is refused, and the store receives no request', async () => {
    const { a, store } = scenario({ store: (memory) => tap(memory) });
    const refused = await a.acquire({ signal: AbortSignal.abort() });
    expect(refused.code).toBe('LOCK_ABORTED');
    expect(store.exchanges).toHaveLength(0);
  });
});
