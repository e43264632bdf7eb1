/** A lease: its ttl, its renewal, and the bounds `maxHold`, `minHold` and `longHold` of a hold. */
import { describe, expect, it, jest } from '@jest/globals';
import { acquiring } from '../support/core.js';
import { deferred } from '../support/deferred.js';
import { scenario, states } from '../support/scenario.js';
import { lateGrants, storeWith } from '../support/store-with.js';
import { tap } from '../support/tapped-store.js';

describe('given a lease that is renewed', () => {
  it('then a renewal is sent after each third of its ttl', async () => {
    const { a, store, pass, release } = scenario({ store: (memory) => tap(memory) });
    const holder = await a.acquire({ ttl: 1_000 });
    await pass(10_000);
    expect(holder.state).toBe('holding');
    expect(store.renewals.length).toBeGreaterThanOrEqual(28);
    expect(store.renewals.length).toBeLessThanOrEqual(31);
    await release(holder);
  });

  it('then its release leaves no timer behind', async () => {
    const { a, clock } = scenario();
    const { lock } = await a.acquire({ minHold: 0, maxHold: 5_000 });
    expect(clock.timers).toBeGreaterThan(0);
    await lock.release();
    expect(clock.timers).toBe(0);
  });

  it('then it is lost once the wall clock passes its end, although the monotonic clock stood still', async () => {
    const { a, clock, release } = scenario();
    const holder = await a.acquire();
    clock.jumpWall(29_000);
    expect(holder.lock.held).toBe(true);
    clock.jumpWall(1_001);
    expect(holder.lock.held).toBe(false);
    expect(() => holder.lock.assertHeld()).toThrow(/was lost/);
    expect(await release(holder)).toEqual([false]);
  });

  it('then it is renewed before a hold if less than two thirds of the ttl of that hold are left', async () => {
    const { a, pass, release } = scenario();
    const first = await a.acquire({ ttl: 1_000 });
    const [second, third] = await a.acquireAtOnce([{ ttl: 1_000 }, { ttl: 60_000 }]);
    await release(first);
    expect(second.state).toBe('holding');
    await pass(10);
    await release(second);
    expect(third.lock.remaining).toBeGreaterThan(40_000);
    await release(third);
  });

  it('then a caller that came after its fences were drawn gets a higher fence than a lock taken in between', async () => {
    const [renewable, renewing] = [deferred(), deferred()];
    const { a, process, memory } = scenario({
      store: (inner, clock) =>
        storeWith(inner, (session) => ({
          ...lateGrants(clock, session),
          renew: async (request) => {
            renewing.resolve();
            await renewable.promise;
            return session.renew(request);
          },
        })),
    });
    const leaving = new AbortController();
    const first = a.begin({ ttl: 90, signal: leaving.signal });
    await renewing.promise;
    const between = await process(memory).engine.acquire(['another'], acquiring());
    const second = a.engine.acquire(['k'], acquiring({ ttl: 90 }));
    leaving.abort();
    renewable.resolve();
    const lock = await second;
    expect(first.code).toBe('LOCK_ABORTED');
    expect(lock.fence).toBeGreaterThan(between.fence);
    await Promise.all([lock.release(), between.release()]);
  });
});

describe('given "renew: false"', () => {
  it('then the lease ends at its ttl as lost, with an event and without a renewal', async () => {
    const { a, store, pass } = scenario({ store: (memory) => tap(memory) });
    const { lock } = await a.acquire({ ttl: 1_000, renew: false });
    await pass(900);
    expect(lock.held).toBe(true);
    await pass(101);
    expect(lock.held).toBe(false);
    expect(store.renewals).toEqual([]);
    await pass(10);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' });
    expect(() => lock.assertHeld()).toThrow(/was lost/);
    expect(await lock.release()).toBe(false);
    expect(a.events.map((event) => event.name)).toEqual(['lost']);
  });

  it('then each caller of one batch has its whole ttl', async () => {
    const { a, pass, release } = scenario();
    const options = { ttl: 1_000, renew: false };
    const [first, ...next] = await a.acquireAtOnce([options, options, options]);
    await release(first);
    await pass(30);
    await release(next[0]);
    expect(next[1].lock.remaining).toBeGreaterThan(990);
    await release(next[1]);
  });

  it('then extend() lengthens the lease, and never shortens it', async () => {
    const { a, pass } = scenario();
    const { lock } = await a.acquire({ ttl: 1_000, renew: false });
    await lock.extend('10s');
    expect(lock.remaining).toBe(10_000);
    await lock.extend(1);
    expect(lock.remaining).toBe(10_000);
    await pass(5_000);
    expect(lock.held).toBe(true);
    await lock.release();
    await expect(lock.extend()).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
    await expect(lock.extend(-1)).rejects.toMatchObject({ code: 'LOCK_OPTIONS', option: 'ttl' });
  });
});

describe('given a hold that lasts longer than "longHold"', () => {
  it('then one event reports it, with the place of the call', async () => {
    const { a, pass } = scenario({ longHold: 5_000 });
    const lock = await a.engine.acquire(['k'], acquiring());
    await pass(20_000);
    expect(a.events).toHaveLength(1);
    expect(a.events[0]).toMatchObject({ name: 'long-hold', key: 'k', fence: lock.fence });
    expect(a.events[0]?.held).toBeGreaterThanOrEqual(5_000);
    expect(a.events[0]?.site).toContain('ttl-and-renewal.spec');
    await lock.release();
  });

  it('then a log that fails becomes a warning of the process, and changes nothing for any lock', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { a, pass, release } = scenario({
      longHold: 2_000,
      emit: ({ name }) => {
        throw new Error(`the disk is full: ${name}`);
      },
    });
    const kept = await a.acquire({ ttl: 1_000 }, ['kept']);
    const lost = await a.acquire({ ttl: 1_000, maxHold: 5_000 });
    const { signal } = lost.lock;
    const next = await a.acquire();
    await pass(20_000);
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'max-hold' });
    expect(states(next, kept)).toEqual(['holding', 'holding']);
    expect(await release(kept, next)).toEqual([true, true]);
    const warnings = warned.mock.calls.map(([warning]) => warning);
    warned.mockRestore();
    expect(new Set(warnings)).toEqual(
      new Set([
        'The log failed at the event "long-hold": the disk is full: long-hold',
        'The log failed at the event "lost": the disk is full: lost',
      ]),
    );
  });
});

describe('given "maxHold"', () => {
  it('then the hold is lost at that time although it is renewed, and the next caller is granted', async () => {
    const { a, pass, release } = scenario();
    const holder = await a.acquire({ ttl: 1_000, maxHold: 2_500 });
    const next = a.begin();
    await pass(2_400);
    expect(holder.lock.held).toBe(true);
    await pass(120);
    expect(holder.lock.held).toBe(false);
    expect(holder.lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'max-hold' });
    expect(next.state).toBe('holding');
    expect(await release(holder)).toEqual([false]);
    expect(next.state).toBe('holding');
    await release(next);
  });
});

describe('given "minHold"', () => {
  it('then the key stays busy after the release, in this process and in others, and release() returns at once', async () => {
    const { a, b, pass, release } = scenario();
    const holder = await a.acquire({ ttl: 1_000, minHold: 5_000 });
    const waiting = [a.begin(), await b.acquire()];
    expect(await release(holder)).toEqual([true]);
    expect((await b.acquire({ wait: 0 })).code).toBe('LOCK_BUSY');
    expect((await a.acquire({ wait: 0 })).code).toBe('LOCK_BUSY');
    await pass(4_980);
    expect(states(...waiting)).toEqual(['waiting', 'waiting']);
    await pass(100);
    const [next] = waiting.filter(({ settled }) => settled);
    expect(states(...waiting).sort()).toEqual(['holding', 'waiting']);
    await release(next);
    await release(...waiting.filter((each) => each !== next));
  });

  it('then a release after that time frees the key at once', async () => {
    const { a, pass, release } = scenario();
    const holder = await a.acquire({ minHold: 1_000 });
    await pass(1_000);
    await release(holder);
    const next = await a.acquire({ wait: 0 });
    expect(next.state).toBe('holding');
    await release(next);
  });

  it('then a shutdown keeps the key busy for the rest of that time', async () => {
    const { a, b, pass, release } = scenario();
    await release(await a.acquire({ minHold: 5_000 }));
    await a.engine.drain(1_000);
    await a.engine.close();
    expect((await b.acquire({ wait: 0 })).code).toBe('LOCK_BUSY');
    const next = b.begin();
    await pass(5_600);
    expect(next.state).toBe('holding');
    await release(next);
  });
});
