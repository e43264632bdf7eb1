/** The engine: order, leases, bounds and shutdown, on a memory store and an injected clock. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, jest } from '@jest/globals';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import type { LockStore, ExchangeRequest } from '../../lib/core/contracts/store.contract.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { acquiring, core } from '../support/core.js';
import { deferred } from '../support/deferred.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { lateGrants, storeWith } from '../support/store-with.js';

/** Notes when a promise has settled, without waiting for it. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown; settled: boolean } {
  const state: { value?: T; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(state, { value, settled: true }),
    (error: unknown) => Object.assign(state, { error, settled: true }),
  );
  return state;
}

/** Counts what goes to the store. */
function counting(store: LockStore): LockStore & { exchanges: ExchangeRequest[]; renewals: number } {
  const counted = {
    exchanges: [] as ExchangeRequest[],
    renewals: 0,
    ...storeWith(store, (session) => ({
      exchange: (request) => {
        counted.exchanges.push(request);
        return session.exchange(request);
      },
      renew: (request) => {
        counted.renewals += 1;
        return session.renew(request);
      },
    })),
  };
  return counted;
}

describe('waiting in one process', () => {
  it('serves callers in the order of requesting, each with a fence above the former', async () => {
    const { engine } = core();
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

  it('requests the store once for a batch of callers, however many they are', async () => {
    const clock = new FakeClock();
    const store = counting(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    await Promise.all(
      Array.from({ length: 640 }, async () => (await engine.acquire(['k'], acquiring())).release()),
    );
    // The first goes alone, then batches of 64, then the last release.
    expect(store.exchanges.length).toBeLessThanOrEqual(1 + Math.ceil(639 / 64) + 1);
  });

  it('lets another process in after at most a batch', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const order: string[] = [];
    const use = async (name: string, { engine }: typeof a) => {
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

  it('starts no hold later than 50 ms into a batch while another process waits', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const first = await a.engine.acquire(['k'], acquiring());
    const second = watch(a.engine.acquire(['k'], acquiring()));
    const other = watch(b.engine.acquire(['k'], acquiring()));
    const third = watch(a.engine.acquire(['k'], acquiring()));
    await settle();
    await first.release();
    await settle();
    // `b` queued before `a` requested its second and third, which stand behind it.
    expect([other.settled, second.settled]).toEqual([true, false]);
    await other.value?.release();
    await settle();
    expect([second.settled, third.settled]).toEqual([true, false]);
    const waiting = watch(b.engine.acquire(['k'], acquiring()));
    await clock.advance(60);
    await second.value?.release();
    await settle();
    expect([third.settled, waiting.settled]).toEqual([false, true]);
    await waiting.value?.release();
    await settle();
    await third.value?.release();
  });

  it('ends at the deadline with LockBusyError, that names the key, the holder and the time waited', async () => {
    const { clock, engine } = core();
    const held = await engine.acquire(['k'], acquiring());
    const waiting = watch(engine.acquire(['k'], acquiring({ wait: 1_000 })));
    await clock.advance(999);
    expect(waiting.settled).toBe(false);
    await clock.advance(2);
    expect(waiting.error).toMatchObject({ code: 'LOCK_BUSY', key: 'k', waited: 1_000, holder: 'test' });
    await held.release();
  });

  it('is told "busy", and not that the store is silent, when it joins those who know that it is', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [{ engine }, away] = [core({ clock, store }), core({ clock, store })];
    const held = await away.engine.acquire(['k'], acquiring());
    const stayer = watch(engine.acquire(['k'], acquiring()));
    await settle();
    const newcomer = watch(engine.acquire(['k'], acquiring({ wait: 20 })));
    await clock.advance(20);
    expect(newcomer.error).toMatchObject({ code: 'LOCK_BUSY', waited: 20 });
    await held.release();
    await settle();
    await stayer.value?.release();
  });

  it('ends at once when the signal aborts, and disturbs nobody', async () => {
    const { engine } = core();
    const held = await engine.acquire(['k'], acquiring());
    const abort = new AbortController();
    const leaver = watch(engine.acquire(['k'], acquiring({ signal: abort.signal })));
    const stayer = watch(engine.acquire(['k'], acquiring()));
    await settle();
    abort.abort(new Error('enough'));
    await settle();
    expect(leaver.error).toMatchObject({ code: 'LOCK_ABORTED', cause: new Error('enough') });
    await held.release();
    await settle();
    expect(stayer.value?.held).toBe(true);
    await stayer.value?.release();
  });

  it('does not request at all when the signal was aborted before', async () => {
    const clock = new FakeClock();
    const store = counting(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    await expect(engine.acquire(['k'], acquiring({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'LOCK_ABORTED',
    });
    expect(store.exchanges).toHaveLength(0);
  });

  it('peers: leaves the queue of the store with its last caller, so that nobody waits for it', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b, c] = [core({ clock, store }), core({ clock, store }), core({ clock, store })];
    const held = await a.engine.acquire(['k'], acquiring());
    const leaver = watch(b.engine.acquire(['k'], acquiring({ wait: 500 })));
    await settle();
    const stayer = watch(c.engine.acquire(['k'], acquiring()));
    await clock.advance(600);
    expect(leaver.error).toMatchObject({ code: 'LOCK_BUSY' });
    await held.release();
    await settle();
    expect(stayer.value?.held).toBe(true);
    await stayer.value?.release();
  });

  it('refuses more than maxWaiters', async () => {
    const { engine } = core({ maxWaiters: 2 });
    const held = await engine.acquire(['k'], acquiring());
    const waiting = [1, 2].map(() => watch(engine.acquire(['k'], acquiring())));
    await expect(engine.acquire(['k'], acquiring())).rejects.toMatchObject({
      code: 'LOCK_QUEUE_FULL',
      key: 'k',
      maxWaiters: 2,
    });
    await engine.acquire(['other'], acquiring());
    await held.release();
    await settle();
    await waiting[0]?.value?.release();
    await settle();
    await waiting[1]?.value?.release();
  });

  it('answers wait: 0 without the store while this process surely holds the key', async () => {
    const clock = new FakeClock();
    const store = counting(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    const held = await engine.acquire(['k'], acquiring());
    const before = store.exchanges.length;
    await expect(engine.acquire(['k'], acquiring({ wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
      waited: 0,
    });
    expect(store.exchanges).toHaveLength(before);
    await held.release();
    await (await engine.acquire(['k'], acquiring({ wait: 0 }))).release();
  });

  it('peers: goes on waiting when the lease of the holder ends early', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const doomed = await a.engine.acquire(['k'], acquiring({ ttl: 1_000, renew: false }));
    const waiting = watch(b.engine.acquire(['k'], acquiring()));
    await clock.advance(990);
    expect(waiting.settled).toBe(false);
    await clock.advance(400);
    expect(waiting.value?.held).toBe(true);
    expect(doomed.held).toBe(false);
    await waiting.value?.release();
  });
});

describe('a lease', () => {
  it('is renewed at a third of its ttl, and not faster for a short one', async () => {
    const clock = new FakeClock();
    const store = counting(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    const lock = await engine.acquire(['k'], acquiring({ ttl: 1_000 }));
    await clock.advance(10_000);
    expect(lock.held).toBe(true);
    expect(store.renewals).toBeGreaterThanOrEqual(28);
    expect(store.renewals).toBeLessThanOrEqual(31);
    await lock.release();
  });

  it('leaves no timer behind', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['k'], acquiring({ minHold: 0, maxHold: 5_000 }));
    expect(clock.timers).toBeGreaterThan(0);
    await lock.release();
    expect(clock.timers).toBe(0);
  });

  it('ends at its ttl under renew: false', async () => {
    const clock = new FakeClock();
    const store = counting(memoryStore({ clock }));
    const { engine, events } = core({ clock, store });
    const lock = await engine.acquire(['k'], acquiring({ ttl: 1_000, renew: false }));
    await clock.advance(900);
    expect(lock.held).toBe(true);
    await clock.advance(101);
    expect(lock.held).toBe(false);
    expect(store.renewals).toBe(0);
    await clock.advance(10);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' });
    expect(() => lock.assertHeld()).toThrow(/was lost/);
    expect(await lock.release()).toBe(false);
    expect(events.map((event) => event.name)).toEqual(['lost']);
  });

  it('under renew: false gives each caller its whole ttl, also from the same batch', async () => {
    const { clock, engine } = core();
    const options = acquiring({ ttl: 1_000, renew: false });
    const first = await engine.acquire(['k'], options);
    const next = [1, 2].map(() => watch(engine.acquire(['k'], options)));
    await first.release();
    await settle();
    await clock.advance(30);
    await next[0]?.value?.release();
    await settle();
    expect(next[1]?.value?.remaining).toBeGreaterThan(990);
    await next[1]?.value?.release();
  });

  it('is topped up before a hold whose ttl it would not cover for two thirds', async () => {
    const { clock, engine } = core();
    const first = await engine.acquire(['k'], acquiring({ ttl: 1_000 }));
    const second = watch(engine.acquire(['k'], acquiring({ ttl: 1_000 })));
    const third = watch(engine.acquire(['k'], acquiring({ ttl: 60_000 })));
    await settle();
    await first.release();
    await settle();
    expect(second.value?.held).toBe(true);
    await clock.advance(10);
    await second.value?.release();
    await settle();
    expect(third.value?.remaining).toBeGreaterThan(40_000);
    await third.value?.release();
  });

  it('that was topped up serves nobody who came after its fences were drawn', async () => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const [renewable, toppedUp] = [deferred(), deferred()];
    const store = storeWith(inner, (session) => ({
      ...lateGrants(clock, session),
      renew: async (request) => {
        toppedUp.resolve();
        await renewable.promise;
        return session.renew(request);
      },
    }));
    const { engine } = core({ clock, store });
    const { engine: other } = core({ clock, store: inner });
    const leaving = new AbortController();
    const first = watch(engine.acquire(['k'], acquiring({ ttl: 90, signal: leaving.signal })));
    await toppedUp.promise;
    const between = await other.acquire(['another'], acquiring());
    const second = engine.acquire(['k'], acquiring({ ttl: 90 }));
    leaving.abort();
    renewable.resolve();
    const lock = await second;
    expect(first.error).toMatchObject({ code: 'LOCK_ABORTED' });
    expect(lock.fence).toBeGreaterThan(between.fence);
    await Promise.all([lock.release(), between.release()]);
  });

  it('is lost when the wall clock says so although the monotonic one stood still', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['k'], acquiring());
    clock.jumpWall(29_000);
    expect(lock.held).toBe(true);
    clock.jumpWall(1_001);
    expect(lock.held).toBe(false);
    expect(() => lock.assertHeld()).toThrow(/was lost/);
    expect(await lock.release()).toBe(false);
  });

  it('can be extended, never shortened', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['k'], acquiring({ ttl: 1_000, renew: false }));
    await lock.extend('10s');
    expect(lock.remaining).toBe(10_000);
    await lock.extend(1);
    expect(lock.remaining).toBe(10_000);
    await clock.advance(5_000);
    expect(lock.held).toBe(true);
    await lock.release();
    await expect(lock.extend()).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
    await expect(lock.extend(-1)).rejects.toMatchObject({ code: 'LOCK_OPTIONS', option: 'ttl' });
  });

  it('is reported once when it is held for long, with its site', async () => {
    const { clock, engine, events } = core({ longHold: 5_000 });
    const lock = await engine.acquire(['k'], acquiring());
    await clock.advance(20_000);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ name: 'long-hold', key: 'k', fence: lock.fence });
    expect(events[0]?.held).toBeGreaterThanOrEqual(5_000);
    expect(events[0]?.site).toContain('locker.spec');
    await lock.release();
  });

  it('is lost, and others are kept, whatever the log does: its failure is a warning of the process', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { clock, engine } = core({
      longHold: 2_000,
      emit: ({ name }) => {
        throw new Error(`the disk is full: ${name}`);
      },
    });
    const kept = await engine.acquire(['kept'], acquiring({ ttl: 1_000 }));
    const lost = await engine.acquire(['k'], acquiring({ ttl: 1_000, maxHold: 5_000 }));
    const { signal } = lost;
    const next = watch(engine.acquire(['k'], acquiring()));
    await clock.advance(20_000);
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'max-hold' });
    expect(next.value?.held).toBe(true);
    expect(kept.held).toBe(true);
    expect(await kept.release()).toBe(true);
    expect(await next.value?.release()).toBe(true);
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

describe('bounds of a hold', () => {
  it('maxHold ends it as lost, although it is renewed, and lets the next one in', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['k'], acquiring({ ttl: 1_000, maxHold: 2_500 }));
    const next = watch(engine.acquire(['k'], acquiring()));
    await clock.advance(2_400);
    expect(lock.held).toBe(true);
    await clock.advance(120);
    expect(lock.held).toBe(false);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'max-hold' });
    expect(next.value?.held).toBe(true);
    expect(await lock.release()).toBe(false);
    expect(next.value?.held).toBe(true);
    await next.value?.release();
  });

  it('minHold keeps others out after the release, in this process and in others, and never delays the caller', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const lock = await a.engine.acquire(['k'], acquiring({ ttl: 1_000, minHold: 5_000 }));
    const waiting = [
      watch(a.engine.acquire(['k'], acquiring())),
      watch(b.engine.acquire(['k'], acquiring())),
    ];
    await settle();
    expect(await lock.release()).toBe(true);
    await expect(b.engine.acquire(['k'], acquiring({ wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await expect(a.engine.acquire(['k'], acquiring({ wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await clock.advance(4_980);
    expect(waiting.map((each) => each.settled)).toEqual([false, false]);
    await clock.advance(100);
    expect(waiting.filter((each) => each.settled)).toHaveLength(1);
    for (const each of waiting) await each.value?.release();
    await settle();
    for (const each of waiting) await each.value?.release();
  });

  it('minHold that has passed changes nothing', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['k'], acquiring({ minHold: 1_000 }));
    await clock.advance(1_000);
    await lock.release();
    await (await engine.acquire(['k'], acquiring({ wait: 0 }))).release();
  });
});

describe('several keys', () => {
  it('are taken all or none', async () => {
    const { clock, engine } = core();
    const b = await engine.acquire(['b'], acquiring());
    const both = watch(engine.acquire(['a', 'b'], acquiring({ wait: 1_000 })));
    await clock.advance(1_001);
    expect(both.error).toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
    await (await engine.acquire(['a'], acquiring({ wait: 0 }))).release();
    await b.release();
  });

  it('have one fence, above that of every earlier holder of any of them', async () => {
    const { engine } = core();
    const fences: number[] = [];
    for (const keys of [['a'], ['a', 'b'], ['b'], ['a', 'b', 'c'], ['c']]) {
      const lock = await engine.acquire(keys, acquiring());
      expect([...lock.fences]).toEqual(keys.map((key) => [key, lock.fence]));
      expect(lock.fence).toBeGreaterThan(fences.at(-1) ?? 0);
      fences.push(lock.fence);
      expect(lock.token.split(' ')).toHaveLength(keys.length);
      await lock.release();
    }
  });

  it('share one deadline', async () => {
    const { clock, engine } = core();
    const [a, b] = [await engine.acquire(['a'], acquiring()), await engine.acquire(['b'], acquiring())];
    const both = watch(engine.acquire(['a', 'b'], acquiring({ wait: 1_000 })));
    await clock.advance(700);
    await a.release();
    await clock.advance(299);
    expect(both.settled).toBe(false);
    await clock.advance(2);
    expect(both.error).toMatchObject({ code: 'LOCK_BUSY', key: 'b', waited: 1_000 });
    await b.release();
  });

  it('are all given back and taken again when one is lost while another is waited for', async () => {
    const clock = new FakeClock();
    const { engine } = core({ clock });
    const b = await engine.acquire(['b'], acquiring());
    const both = watch(engine.acquire(['a', 'b'], acquiring({ ttl: 1_000, renew: false, wait: 5_000 })));
    await clock.advance(1_500);
    await b.release();
    await clock.advance(50);
    expect(both.value?.held).toBe(true);
    expect(both.value?.remaining).toBeGreaterThan(900);
    await both.value?.release();
  });

  it('that were not all to be had keep nobody out, whatever their minHold', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const held = await b.engine.acquire(['b'], acquiring());
    const both = a.engine.acquire(['a', 'b'], acquiring({ wait: 0, minHold: 60_000 }));
    await expect(both).rejects.toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
    await (await b.engine.acquire(['a'], acquiring({ wait: 0 }))).release();
    await held.release();
  });

  it('are lost as soon as one is', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['a', 'b'], acquiring({ maxHold: 1_000 }));
    const { signal } = lock;
    await clock.advance(1_010);
    expect(signal.aborted).toBe(true);
    expect(lock.held).toBe(false);
    expect(await lock.release()).toBe(false);
  });
});

describe('shutdown', () => {
  it('refuses newcomers and those who wait, lets holders finish, then resolves', async () => {
    const { clock, engine } = core();
    const lock = await engine.acquire(['k'], acquiring());
    const waiting = watch(engine.acquire(['k'], acquiring()));
    engine.refuse();
    await settle();
    expect(waiting.error).toMatchObject({ code: 'LOCK_SHUTDOWN', key: 'k' });
    await expect(engine.acquire(['other'], acquiring())).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await expect(engine.acquire(['other'], acquiring({ wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_SHUTDOWN',
    });
    const drained = watch(engine.drain(10_000));
    await clock.advance(5_000);
    expect(drained.settled).toBe(false);
    expect(lock.held).toBe(true);
    expect(await lock.release()).toBe(true);
    await settle();
    expect(drained.settled).toBe(true);
    await engine.close();
    await engine.close();
    expect(clock.timers).toBe(0);
  });

  it('releases what is still held when the grace is over: its holder sees it lost, others get it', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const stuck = await a.engine.acquire(['k'], acquiring());
    const next = watch(b.engine.acquire(['k'], acquiring({ wait: 20_000 })));
    const drained = watch(a.engine.drain(1_000));
    await clock.advance(1_001);
    expect(drained.settled).toBe(true);
    expect(stuck.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'shutdown' });
    expect(next.value?.held).toBe(true);
    await next.value?.release();
    await a.engine.close();
  });

  it('waits for the answer to a call that does not wait, and gives back what it grants', async () => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const answered = deferred();
    const store = storeWith(inner, (session) => ({
      exchange: async (request) => {
        const reply = await session.exchange(request);
        await answered.promise;
        return reply;
      },
    }));
    const { engine } = core({ clock, store });
    const { engine: other } = core({ clock, store: inner });
    const trying = watch(engine.acquire(['k'], acquiring({ wait: 0 })));
    await settle();
    await engine.drain(0);
    const closed = watch(engine.close());
    await settle();
    expect([trying.settled, closed.settled]).toEqual([false, false]);
    answered.resolve();
    await settle();
    expect(trying.error).toMatchObject({ code: 'LOCK_SHUTDOWN', key: 'k' });
    expect(closed.settled).toBe(true);
    await (await other.acquire(['k'], acquiring({ wait: 0 }))).release();
  });

  it('keeps a minimum hold', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const lock = await a.engine.acquire(['k'], acquiring({ minHold: 5_000 }));
    await lock.release();
    await a.engine.drain(1_000);
    await a.engine.close();
    await expect(b.engine.acquire(['k'], acquiring({ wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    const next = watch(b.engine.acquire(['k'], acquiring()));
    await clock.advance(5_600);
    expect(next.value?.held).toBe(true);
    await next.value?.release();
  });
});

describe('a handle', () => {
  it('keeps its token out of what is printed', async () => {
    const { engine } = core();
    const lock = await engine.acquire(['k'], acquiring());
    expect(Object.keys(lock)).not.toContain('token');
    expect(JSON.stringify(lock)).not.toContain(lock.token);
    expect((await import('node:util')).inspect(lock, { depth: 9 })).not.toContain(lock.token);
    await lock.release();
  });

  it('is released once, however often it is requested to', async () => {
    const clock = new FakeClock();
    const store = counting(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    const lock = await engine.acquire(['k'], acquiring());
    expect(await Promise.all([lock.release(), lock.release()])).toEqual([true, true]);
    expect(await lock.release()).toBe(true);
    await lock[Symbol.asyncDispose]();
    expect(store.exchanges.filter((exchange) => exchange.release !== undefined)).toHaveLength(1);
    expect(lock.held).toBe(false);
    expect(lock.signal.aborted).toBe(false);
    expect(() => lock.assertHeld()).toThrow(/is not held here/);
  });

  it('counts as released for whoever is told of it, and may release it again', async () => {
    const { engine } = core();
    const held = await engine.acquire(['k'], acquiring());
    const next = watch(engine.acquire(['k'], acquiring()));
    const last = watch(engine.acquire(['k'], acquiring()));
    await held.release();
    await settle();
    const seen: unknown[] = [];
    const again = (): void => void seen.push(next.value?.held, next.value?.release());
    subscribe('nestjs-locked:release', again);
    try {
      const released = next.value?.release();
      expect(await released).toBe(true);
      expect(seen).toEqual([false, released]);
    } finally {
      unsubscribe('nestjs-locked:release', again);
    }
    await last.value?.release();
  });

  it('forgets a key that nobody uses: a hundred thousand names leave nothing', async () => {
    const { clock, engine } = core();
    for (let i = 0; i < 1_000; i += 1) {
      const locks: HeldLock[] = await Promise.all(
        Array.from({ length: 100 }, (_, n) => engine.acquire([`${i}:${n}`], acquiring())),
      );
      await Promise.all(locks.map((lock) => lock.release()));
    }
    expect(clock.timers).toBe(0);
    expect(engine.keyCount).toBe(0);
  });
});

describe('an offer', () => {
  /** A store that makes offers of "k" to the latest token that requested, as late messages do. */
  const offeringAtWill = (store: LockStore): LockStore & { offer(fence: number): void } => {
    let offered: ((fence: number) => void) | undefined;
    return {
      ...storeWith(store, (session, listener) => ({
        exchange: (request) => {
          const { acquire } = request;
          if (acquire !== undefined) offered = (fence) => listener.onGrant('k', acquire.token, fence);
          return session.exchange(request);
        },
      })),
      offer: (fence) => offered?.(fence),
    };
  };

  it('that is older than the latest answer is not believed: it has ended since', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const a = core({ clock, store });
    const offering = offeringAtWill(store);
    const b = core({ clock, store: offering });
    const held = await a.engine.acquire(['k'], acquiring());
    const waiting = watch(b.engine.acquire(['k'], acquiring()));
    await settle();
    offering.offer(held.fence);
    await settle();
    expect(waiting.settled).toBe(false);
    await held.release();
    await settle();
    expect(waiting.value?.fence).toBeGreaterThan(held.fence);
    await waiting.value?.release();
  });

  it('that had ended before it was taken up does not cost the place', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const a = core({ clock, store });
    const c = core({ clock, store });
    const offering = offeringAtWill(store);
    const b = core({ clock, store: offering });
    const held = await a.engine.acquire(['k'], acquiring());
    const second = watch(b.engine.acquire(['k'], acquiring()));
    await settle();
    const third = watch(c.engine.acquire(['k'], acquiring()));
    // Too old to start on; its confirmation finds that the key is another's.
    await clock.advance(600);
    offering.offer(held.fence + 1_000_000);
    await settle();
    await held.release();
    await settle();
    expect([second.settled, third.settled]).toEqual([true, false]);
    await second.value?.release();
    await settle();
    await third.value?.release();
  });
});

describe('a store that must be listened to first', () => {
  /** It is awake as soon as it is listened to, and says so. */
  const asleep = (store: LockStore): LockStore =>
    storeWith(store, (_session, listener) => {
      let awake = false;
      return {
        supportsQueue: true,
        canNotify: () => awake,
        async subscribe() {
          await Promise.resolve();
          awake = true;
          listener.onReconnected();
        },
      };
    });

  it('is requested twice at the first contention: whether the key is free, then to be queued', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const held = await core({ clock, store }).engine.acquire(['k'], acquiring());
    const counted = counting(asleep(store));
    const { engine } = core({ clock, store: counted });
    const waiting = watch(engine.acquire(['k'], acquiring()));
    await settle();
    await clock.advance(1);
    expect(counted.exchanges.map(({ acquire: request }) => request?.mode)).toEqual(['once', 'queue']);
    await held.release();
    await settle();
    await waiting.value?.release();
  });
});

describe('a store without a queue', () => {
  /** A store that excludes, and does not queue. */
  const unqueued = (clock: FakeClock): LockStore =>
    storeWith(memoryStore({ clock }), (session) => ({
      supportsQueue: false,
      canNotify: () => false,
      subscribe: () => Promise.reject(new Error('never asked for')),
      exchange: (request) => {
        const acquire = request.acquire && { ...request.acquire, mode: 'once' as const };
        return session.exchange({ ...request, acquire });
      },
    }));

  it('lets another process in between the callers of one that never pauses', async () => {
    const clock = new FakeClock();
    const store = unqueued(clock);
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    let stop = false;
    const greedy = [1, 2, 3].map(async () => {
      while (!stop) {
        const lock = await a.engine.acquire(['k'], acquiring());
        await new Promise<void>((resolve) => void clock.schedule(resolve, 5));
        await lock.release();
      }
    });
    await clock.advance(100);
    const other = watch(b.engine.acquire(['k'], acquiring({ wait: 5_000 })));
    for (let i = 0; i < 500 && !other.settled; i += 1) await clock.advance(10);
    expect(other.error).toBeUndefined();
    expect(other.value?.held).toBe(true);
    stop = true;
    await other.value?.release();
    await clock.advance(2_000);
    await Promise.all(greedy);
  });

  it('wakes its waiters by polling, no later than 300 ms after the release', async () => {
    const clock = new FakeClock();
    const store = unqueued(clock);
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const lock = await a.engine.acquire(['k'], acquiring());
    const waiting = watch(b.engine.acquire(['k'], acquiring()));
    await clock.advance(3_000);
    await lock.release();
    await clock.advance(301);
    expect(waiting.value?.held).toBe(true);
    await waiting.value?.release();
  });
});
