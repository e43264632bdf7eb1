/** Readers, writers and permits in the engine: on a memory store and an injected clock. */
import { describe, expect, it } from '@jest/globals';
import type { ResolvedAcquire } from '../../lib/core/options/acquire.options.js';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import type {
  LockStore,
  LockStoreListener,
  ExchangeRequest,
} from '../../lib/core/contracts/store.contract.js';
import { EXCLUSIVE, SHARED, accessOf } from '../../lib/core/contracts/token.js';
import { LockStoreError } from '../../lib/errors/index.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { acquiring, core, type Core } from '../support/core.js';
import { FakeClock, settle } from '../support/fake-clock.js';

interface Watched {
  value?: HeldLock;
  error?: unknown;
  settled: boolean;
}

/** Notes when a promise has settled, without waiting for it. */
function watch(promise: Promise<HeldLock>): Watched {
  const state: Watched = { settled: false };
  promise.then(
    (value) => Object.assign(state, { value, settled: true }),
    (error: unknown) => Object.assign(state, { error, settled: true }),
  );
  return state;
}

type Options = Partial<ResolvedAcquire>;
const reading = (options: Options = {}): ResolvedAcquire => acquiring({ access: SHARED, ...options });
const writing = (options: Options = {}): ResolvedAcquire => acquiring({ access: EXCLUSIVE, ...options });
const permit = (limit: number, options: Options = {}): ResolvedAcquire =>
  acquiring({ access: { kind: 'semaphore', limit }, ...options });

function take(engine: Core, options: ResolvedAcquire, keys = ['k']): Watched {
  return watch(engine.engine.acquire(keys, options));
}

const held = (...all: Watched[]): boolean[] => all.map(({ value }) => value?.held === true);

/** Of all that are held, or were: whether each was still ours. */
function releaseAll(all: readonly Watched[]): Promise<boolean[]> {
  return Promise.all(all.flatMap(({ value }) => value?.release() ?? []));
}

/** Two processes on one store. */
function two(store?: (inner: LockStore) => LockStore): { clock: FakeClock; a: Core; b: Core } {
  const clock = new FakeClock();
  const inner = memoryStore({ clock });
  const shared = store?.(inner) ?? inner;
  return { clock, a: core({ clock, store: shared }), b: core({ clock, store: shared }) };
}

/** What goes to a store, which may be told to fail, to be late, or not to queue. */
interface Tapped extends LockStore {
  readonly exchanges: ExchangeRequest[];
  readonly renewals: string[];
  failing: boolean;
  /** Renewals are told that others have the key. */
  denying: boolean;
  /** Offers are kept back here while it is an array. */
  kept: (() => void)[] | undefined;
  /** Every turn waits for it. */
  before: Promise<void> | undefined;
}

function tap(store: LockStore, queues = true): Tapped {
  const tapped: Tapped = {
    exchanges: [],
    renewals: [],
    failing: false,
    denying: false,
    kept: undefined,
    before: undefined,
    open(sessionId, listener) {
      const heard: LockStoreListener = {
        ...listener,
        onGrant: (...offer) => {
          const tell = (): void => listener.onGrant(...offer);
          if (tapped.kept === undefined) tell();
          else tapped.kept.push(tell);
        },
      };
      const session = store.open(sessionId, heard);
      const refuse = (): void => {
        if (tapped.failing) throw new LockStoreError('down');
      };
      return {
        supportsQueue: queues,
        canNotify: (key) => session.canNotify(key),
        fenceDomainOf: (key) => session.fenceDomainOf(key),
        subscribe: (key) => session.subscribe(key),
        close: () => session.close(),
        exchange: async (request) => {
          tapped.exchanges.push(request);
          if (tapped.before !== undefined) await tapped.before;
          refuse();
          const { acquire } = request;
          const mode = queues || acquire === undefined ? acquire?.mode : 'once';
          return session.exchange(
            acquire === undefined ? request : { ...request, acquire: { ...acquire, mode: mode ?? 'once' } },
          );
        },
        renew: async (request) => {
          tapped.renewals.push(request.token);
          refuse();
          return tapped.denying ? { held: false, fence: 0 } : session.renew(request);
        },
      };
    },
    close: () => store.close(),
  };
  return tapped;
}

describe('readers', () => {
  it('hold the key together, each with a fence of its own, and keep a writer out until the last has left', async () => {
    const { a, b } = two();
    const readers = [take(a, reading()), take(a, reading()), take(b, reading())];
    await settle();
    expect(held(...readers)).toEqual([true, true, true]);
    expect(new Set(readers.map(({ value }) => value?.fence)).size).toBe(3);
    const writer = take(b, writing());
    await settle();
    for (const reader of readers) {
      expect(writer.settled).toBe(false);
      expect(await reader.value?.release()).toBe(true);
      await settle();
    }
    expect(held(writer)).toEqual([true]);
    const above = Math.max(...readers.map(({ value }) => value?.fence ?? Infinity));
    expect(writer.value?.fence).toBeGreaterThan(above);
    expect(await writer.value?.release()).toBe(true);
    expect([a.engine.keyCount, b.engine.keyCount]).toEqual([0, 0]);
  });

  it('that stand together behind a writer enter together, under one lease', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }));
    const a = core({ clock, store });
    const writer = take(a, writing());
    await settle();
    const readers = Array.from({ length: 200 }, () => take(a, reading()));
    await settle();
    const before = store.exchanges.length;
    await writer.value?.release();
    await settle();
    expect(readers.every(({ value }) => value?.held)).toBe(true);
    expect(new Set(readers.map(({ value }) => value?.token)).size).toBe(1);
    expect(store.exchanges.length - before).toBe(1);
    const fences = readers.map(({ value }) => value?.fence ?? 0);
    expect(fences).toEqual([...fences].sort((x, y) => x - y));
    expect(new Set(fences).size).toBe(200);
    await releaseAll(readers);
    expect([a.engine.keyCount, clock.timers]).toEqual([0, 0]);
  });

  it('of more than one lease let in a thousand each, without a gap for others to be let in by', async () => {
    const { a } = two();
    const writer = take(a, writing());
    await settle();
    const readers = Array.from({ length: 2_500 }, () => take(a, reading()));
    await settle();
    await writer.value?.release();
    await settle();
    expect(readers.filter(({ value }) => value?.held)).toHaveLength(2_500);
    expect(new Set(readers.map(({ value }) => value?.token)).size).toBe(3);
    expect(new Set(readers.map(({ value }) => value?.fence)).size).toBe(2_500);
    await releaseAll(readers);
    expect(a.engine.keyCount).toBe(0);
  });

  it.each([['of this process', 0] as const, ['of another process', 1] as const])(
    'who come after a writer %s wait behind it, and those before it do not',
    async (_, other) => {
      const { a, b } = two();
      const first = take(a, reading());
      await settle();
      const writer = take([a, b][other], writing());
      await settle();
      const late = [take(a, reading()), take(a, reading()), take(b, reading())];
      await settle();
      expect(held(first, writer, ...late)).toEqual([true, false, false, false, false]);
      await first.value?.release();
      await settle();
      expect(held(writer, ...late)).toEqual([true, false, false, false]);
      const last = take(b, writing());
      await settle();
      await writer.value?.release();
      await settle();
      expect(held(...late, last)).toEqual([true, true, true, false]);
      await releaseAll(late);
      await settle();
      expect(held(last)).toEqual([true]);
      await last.value?.release();
    },
  );

  it('that never pause do not starve a writer', async () => {
    const { clock, a, b } = two();
    let stopped = false;
    let reads = 0;
    const busy = async (engine: Core): Promise<void> => {
      while (!stopped) {
        const lock = await engine.engine.acquire(['k'], reading());
        reads += 1;
        await new Promise<void>((resolve) => clock.schedule(resolve, 7));
        await lock.release();
      }
    };
    const all = Array.from({ length: 12 }, (_, i) => busy(i % 2 === 0 ? a : b));
    await clock.advance(50);
    const writer = take(b, writing());
    await clock.advance(20);
    expect(held(writer)).toEqual([true]);
    const before = reads;
    await clock.advance(30);
    expect(reads).toBe(before);
    await writer.value?.release();
    stopped = true;
    await clock.advance(50);
    await Promise.all(all);
    expect(before).toBeGreaterThan(12);
  });

  it('who come while others read get in at once where nobody waits', async () => {
    const { a } = two();
    const first = take(a, reading());
    await settle();
    const second = take(a, reading());
    await settle();
    expect(held(first, second)).toEqual([true, true]);
    await first.value?.release();
    const third = take(a, reading());
    await settle();
    expect(held(first, second, third)).toEqual([false, true, true]);
    await releaseAll([second, third]);
  });

  it('and writers go in the order of requesting within one process', async () => {
    const { a } = two();
    const order: string[] = [];
    const use = async (name: string, options: ResolvedAcquire): Promise<void> => {
      const lock = await a.engine.acquire(['k'], options);
      order.push(`+${name}`);
      await settle();
      order.push(`-${name}`);
      await lock.release();
    };
    await Promise.all([
      use('w1', writing()),
      use('w2', writing()),
      use('r1', reading()),
      use('r2', reading()),
      use('w3', writing()),
      use('r3', reading()),
    ]);
    expect(order.join(' ')).toBe('+w1 -w1 +w2 -w2 +r1 +r2 -r1 -r2 +w3 -w3 +r3 -r3');
    expect(a.engine.keyCount).toBe(0);
  });

  it('tryAcquire lets a reader in beside readers, and neither past a writer who holds or waits', async () => {
    const { a, b } = two();
    const first = await a.engine.acquire(['k'], reading());
    const beside = await a.engine.acquire(['k'], reading({ wait: 0 }));
    await expect(a.engine.acquire(['k'], writing({ wait: 0 }))).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    const writer = take(b, writing());
    await settle();
    await expect(a.engine.acquire(['k'], reading({ wait: 0 }))).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await beside.release();
    await first.release();
    await settle();
    await expect(a.engine.acquire(['k'], reading({ wait: 0 }))).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await writer.value?.release();
  });

  it('under one lease end each by its own bounds, and it is released with the last', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }));
    const a = core({ clock, store, longHold: 20_000 });
    const first = take(a, writing());
    await settle();
    const options = [reading(), reading({ maxHold: 5_000 }), reading({ renew: false, ttl: 12_000 })];
    const [plain, bounded, unrenewed] = options.map((each) => take(a, each));
    await settle();
    await first.value?.release();
    await settle();
    const lost = (all: Watched[]): unknown[] =>
      all.map(({ value }) => (value?.lost as { reason?: string })?.reason);
    await clock.advance(5_001);
    expect(lost([plain, bounded, unrenewed])).toEqual([undefined, 'max-hold', undefined]);
    await clock.advance(7_000);
    expect(lost([plain, bounded, unrenewed])).toEqual([undefined, 'max-hold', 'expired']);
    await clock.advance(60_000);
    expect(held(plain)).toEqual([true]);
    expect(a.events.filter(({ name }) => name === 'long-hold')).toHaveLength(1);
    expect(await bounded.value?.release()).toBe(false);
    expect(await plain.value?.release()).toBe(true);
    expect(await unrenewed.value?.release()).toBe(false);
    expect(a.engine.keyCount).toBe(0);
    expect((await a.engine.acquire(['k'], writing({ wait: 0 }))).held).toBe(true);
  });

  it('without renewal let the lease end at its time, and a renewed one beside them keeps it', async () => {
    const { clock, a, b } = two();
    const readers = [take(a, reading({ renew: false, ttl: 3_000 }))];
    await settle();
    const writer = take(b, writing());
    await clock.advance(3_001);
    expect(held(...readers, writer)).toEqual([false, true]);
    await writer.value?.release();
  });

  it('keep others out for the longest of their minimum holds', async () => {
    const { clock, a, b } = two();
    const barrier = take(a, writing());
    await settle();
    const readers = [
      take(a, reading({ minHold: 2_000 })),
      take(a, reading({ minHold: 5_000 })),
      take(a, reading()),
    ];
    await settle();
    await barrier.value?.release();
    await settle();
    await releaseAll(readers);
    const writer = take(b, writing());
    const beside = take(b, reading());
    await clock.advance(4_990);
    expect(held(writer, beside)).toEqual([false, false]);
    await clock.advance(20);
    expect(held(writer)).toEqual([true]);
    await writer.value?.release();
    await settle();
    await beside.value?.release();
  });

  it('all see it lost when their lease is, and the writer goes on', async () => {
    const { clock, a, b } = two((inner) => {
      const store = tap(inner);
      failing.push(store);
      return store;
    });
    const barrier = take(a, writing());
    await settle();
    const readers = [take(a, reading({ ttl: 3_000 })), take(a, reading({ ttl: 2_000 }))];
    await settle();
    await barrier.value?.release();
    await settle();
    expect(held(...readers)).toEqual([true, true]);
    const [store] = failing;
    const signals = readers.map(({ value }) => value?.signal);
    store.failing = true;
    await clock.advance(3_001);
    store.failing = false;
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
    expect(readers.map(({ value }) => (value?.lost as { reason?: string })?.reason)).toEqual([
      'expired',
      'expired',
    ]);
    const writer = take(b, writing());
    await clock.advance(2_000);
    expect(held(writer)).toEqual([true]);
    expect(await releaseAll(readers)).toEqual([false, false]);
    await writer.value?.release();
  });
  const failing: Tapped[] = [];

  it('leave: a batch whose writer has left is requested as readers, at its place', async () => {
    const { a, b, clock } = two();
    const holder = take(b, writing());
    await settle();
    const leaving = new AbortController();
    const writer = take(a, writing({ signal: leaving.signal }));
    await settle();
    const readers = [take(a, reading()), take(a, reading())];
    const behind = take(b, writing());
    await settle();
    leaving.abort();
    await settle();
    expect(writer.error).toMatchObject({ code: 'LOCK_ABORTED' });
    await holder.value?.release();
    await settle();
    expect(held(...readers, behind)).toEqual([true, true, false]);
    await releaseAll(readers);
    await settle();
    expect(held(behind)).toEqual([true]);
    await behind.value?.release();
    await settle();
    expect([a.engine.keyCount, b.engine.keyCount, clock.timers]).toEqual([0, 0, 0]);
  });

  it('whose writer leaves while the request is on its way get in, and nothing is left in the store', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }));
    const a = core({ clock, store });
    let go = (): void => undefined;
    store.before = new Promise((resolve) => (go = resolve));
    const leaving = new AbortController();
    const writer = take(a, writing({ signal: leaving.signal }));
    const readers = [take(a, reading()), take(a, reading())];
    await settle();
    leaving.abort();
    await settle();
    go();
    store.before = undefined;
    await settle();
    expect(writer.error).toMatchObject({ code: 'LOCK_ABORTED' });
    expect(held(...readers)).toEqual([true, true]);
    await releaseAll(readers);
    await settle();
    expect((await core({ clock, store }).engine.acquire(['k'], writing({ wait: 0 }))).held).toBe(true);
  });

  it('that wait behind a writer are told "busy" at their deadline', async () => {
    const { clock, a, b } = two();
    const writer = take(b, writing());
    await settle();
    const reader = take(a, reading({ wait: 1_000 }));
    await clock.advance(1_001);
    expect(reader.error).toMatchObject({ code: 'LOCK_BUSY', waited: 1_000, holder: 'test' });
    await writer.value?.release();
  });

  it('start the first at once on a young offer, and the others with the confirmation', async () => {
    const { clock, a, b } = two();
    const writer = take(b, writing());
    await settle();
    const readers = Array.from({ length: 5 }, () => take(a, reading()));
    await settle();
    await writer.value?.release();
    await settle();
    expect(held(...readers)).toEqual([true, true, true, true, true]);
    await clock.advance(5_000);
    expect(held(...readers)).toEqual([true, true, true, true, true]);
    await releaseAll(readers);
    await settle();
    expect([a.engine.keyCount, clock.timers]).toEqual([0, 0]);
  });

  it('whose offer comes late all wait for its confirmation', async () => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const store = tap(inner);
    const [a, b] = [core({ clock, store }), core({ clock, store: inner })];
    const writer = take(b, writing());
    await settle();
    const readers = [take(a, reading()), take(a, reading())];
    await settle();
    const kept: (() => void)[] = [];
    store.kept = kept;
    await writer.value?.release();
    await clock.advance(700);
    store.kept = undefined;
    expect(kept).toHaveLength(1);
    kept[0]();
    expect(held(...readers)).toEqual([false, false]);
    await settle();
    expect(held(...readers)).toEqual([true, true]);
    kept[0](); // told twice: it is held, and is not given back
    await settle();
    expect(held(...readers)).toEqual([true, true]);
    await releaseAll(readers);
  });

  it('of which the confirmation fails: the first goes on, the others send a new request', async () => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const store = tap(inner);
    const [a, b] = [core({ clock, store }), core({ clock, store: inner })];
    const writer = take(b, writing());
    await settle();
    const readers = [take(a, reading()), take(a, reading())];
    await settle();
    store.failing = true;
    await writer.value?.release();
    await settle();
    expect(held(...readers)).toEqual([true, false]);
    store.failing = false;
    await clock.advance(200);
    expect(held(...readers)).toEqual([true, true]);
    await clock.advance(5_000);
    expect(held(...readers)).toEqual([true, true]);
    await releaseAll(readers);
    await settle();
    expect(a.engine.keyCount).toBe(0);
  });

  it('of which the confirmation says that others have the key: it is requested anew, with no command more', async () => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const store = tap(inner);
    const [a, b] = [core({ clock, store }), core({ clock, store: inner })];
    const writer = take(b, writing());
    await settle();
    const readers = [take(a, reading()), take(a, reading())];
    await settle();
    store.denying = true;
    const { length } = store.exchanges;
    await writer.value?.release();
    await settle();
    expect(store.renewals).toHaveLength(1);
    expect(store.exchanges).toHaveLength(length + 1);
    expect(readers[0].value?.lost).toMatchObject({ code: 'LOCK_LOST', reason: 'not-owner' });
    expect(held(readers[1])).toEqual([true]);
    store.denying = false;
    await releaseAll(readers);
    await settle();
    expect(a.engine.keyCount).toBe(0);
  });

  it('are served where the store does not queue, too', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }), false);
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const first = [take(a, reading()), take(b, reading()), take(a, reading())];
    await settle();
    expect(held(...first)).toEqual([true, true, true]);
    const writer = take(b, writing());
    const late = take(b, reading());
    await clock.advance(500);
    expect(held(writer, late)).toEqual([false, false]);
    await releaseAll(first);
    await clock.advance(300);
    expect(held(writer, late)).toEqual([true, false]);
    await writer.value?.release();
    await clock.advance(300);
    expect(held(late)).toEqual([true]);
    await late.value?.release();
    await clock.advance(1_000);
    expect([a.engine.keyCount, b.engine.keyCount]).toEqual([0, 0]);
  });

  it('and those who wait behind them are ended by shutting down', async () => {
    const { clock, a, b } = two();
    const readers = [take(a, reading()), take(a, reading())];
    await settle();
    const [writer, late] = [take(a, writing()), take(a, reading())];
    const other = take(b, writing());
    await settle();
    const drained = a.engine.drain(1_000);
    await settle();
    expect([writer, late].map(({ error }) => (error as { code?: string })?.code)).toEqual([
      'LOCK_SHUTDOWN',
      'LOCK_SHUTDOWN',
    ]);
    expect(held(...readers)).toEqual([true, true]);
    await clock.advance(1_001);
    await drained;
    await settle();
    expect(readers.map(({ value }) => (value?.lost as { reason?: string })?.reason)).toEqual([
      'shutdown',
      'shutdown',
    ]);
    expect(held(other)).toEqual([true]);
    await a.engine.close();
    await other.value?.release();
  });
});

describe('a semaphore', () => {
  it('lets as many in as its limit says, over processes, in the order of requesting', async () => {
    const { a, b } = two();
    const all: Watched[] = [];
    for (const engine of [a, b, a, b, a, b]) {
      all.push(take(engine, permit(3)));
      await settle();
    }
    expect(held(...all)).toEqual([true, true, true, false, false, false]);
    for (let i = 0; i < 3; i += 1) {
      await all[i].value?.release();
      await settle();
      expect(held(...all.slice(3))).toEqual([0, 1, 2].map((n) => n <= i));
    }
    await releaseAll(all.slice(3));
    await settle();
    expect([a.engine.keyCount, b.engine.keyCount]).toEqual([0, 0]);
  });

  it('fills up from those who came at once, and their fences rise in the order of entering', async () => {
    const { a } = two();
    const entered: number[] = [];
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        const lock = await a.engine.acquire(['k'], permit(5));
        entered.push(lock.fence);
        inside += 1;
        most = Math.max(most, inside);
        await settle();
        inside -= 1;
        await lock.release();
      }),
    );
    expect(most).toBe(5);
    expect(entered).toEqual([...entered].sort((x, y) => x - y));
    expect(new Set(entered).size).toBe(300);
    expect(a.engine.keyCount).toBe(0);
  });

  it('serves many from one permit without a command between them', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    await Promise.all(
      Array.from({ length: 640 }, async () => (await engine.acquire(['k'], permit(2))).release()),
    );
    expect(store.exchanges.length).toBeLessThan(640 / 8);
  });

  it('gives the permits of a process that vanished back by their ttl, one by one', async () => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const store = tap(inner);
    const [a, b] = [core({ clock, store }), core({ clock, store: inner })];
    const gone = [take(a, permit(2, { ttl: 2_000 }))];
    await settle();
    gone.push(take(a, permit(2, { ttl: 5_000 })));
    await settle();
    store.failing = true;
    const waits = [take(b, permit(2)), take(b, permit(2))];
    await clock.advance(1_990);
    expect(held(...waits)).toEqual([false, false]);
    // A check may come a second and its jitter after the end that it is for.
    await clock.advance(1_300);
    expect(held(...waits)).toEqual([true, false]);
    await clock.advance(3_000);
    expect(held(...waits)).toEqual([true, true]);
    expect(gone.map(({ value }) => value?.lost?.code)).toEqual(['LOCK_LOST', 'LOCK_LOST']);
    await releaseAll(waits);
  });

  it('honours a changed limit: each caller is let in by its own', async () => {
    const { a } = two();
    const old = [take(a, permit(2)), take(a, permit(2)), take(a, permit(2))];
    const raised = take(a, permit(4));
    const lowered = take(a, permit(1));
    await settle();
    expect(held(...old, raised, lowered)).toEqual([true, true, false, false, false]);
    await old[0].value?.release();
    await settle();
    expect(held(...old.slice(1), raised, lowered)).toEqual([true, true, true, false]);
    await old[1].value?.release();
    await old[2].value?.release();
    await settle();
    expect(held(raised, lowered)).toEqual([true, false]);
    await raised.value?.release();
    await settle();
    expect(held(lowered)).toEqual([true]);
    await lowered.value?.release();
    await settle();
    expect(a.engine.keyCount).toBe(0);
  });

  it('lets tryAcquire in while a permit is free, and never past those who wait', async () => {
    const { a } = two();
    const first = await a.engine.acquire(['k'], permit(2));
    const second = await a.engine.acquire(['k'], permit(2, { wait: 0 }));
    await expect(a.engine.acquire(['k'], permit(2, { wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    const waiting = take(a, permit(2));
    await settle();
    await expect(a.engine.acquire(['k'], permit(5, { wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await first.release();
    await settle();
    expect(held(waiting)).toEqual([true]);
    await second.release();
    await waiting.value?.release();
  });

  it('has the request of a process whose last waiter got in by a free permit released', async () => {
    const { a, b } = two();
    const holders = [take(a, permit(2)), take(a, permit(2))];
    const waits = [take(a, permit(2)), take(a, permit(2))];
    await settle();
    await holders[0].value?.release();
    await settle();
    // Its permit may serve both; the other one was requested meanwhile.
    await waits[0].value?.release();
    await settle();
    expect(held(holders[1], ...waits)).toEqual([true, false, true]);
    const other = take(b, permit(2));
    await settle();
    expect(held(other)).toEqual([false]);
    await waits[1].value?.release();
    await settle();
    expect(held(other)).toEqual([true]);
    await releaseAll([holders[1], other]);
    await settle();
    expect([a.engine.keyCount, b.engine.keyCount]).toEqual([0, 0]);
    expect((await a.engine.acquire(['k'], writing({ wait: 0 }))).held).toBe(true);
  });

  it('does not refuse those who come after a failure with what is long over, while a permit is held', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }));
    const { engine } = core({ clock, store });
    const first = await engine.acquire(['k'], permit(2));
    store.failing = true;
    await expect(engine.acquire(['k'], permit(2))).rejects.toMatchObject({ code: 'LOCK_STORE' });
    store.failing = false;
    const second = await engine.acquire(['k'], permit(2));
    expect([first.held, second.held]).toEqual([true, true]);
    await Promise.all([first.release(), second.release()]);
    expect(engine.keyCount).toBe(0);
  });

  it('does not jump the queue by a place from before', async () => {
    const { a, b } = two();
    const holders = [take(a, permit(2)), take(b, permit(2))];
    await settle();
    const leaving = new AbortController();
    const left = take(a, permit(2, { signal: leaving.signal }));
    await settle();
    const other = take(b, permit(2));
    await settle();
    leaving.abort();
    await settle();
    const late = take(a, permit(2));
    await settle();
    await holders[1].value?.release();
    await settle();
    expect(left.error).toMatchObject({ code: 'LOCK_ABORTED' });
    expect(held(other, late)).toEqual([true, false]);
    await releaseAll([holders[0], other]);
    await settle();
    await late.value?.release();
  });

  it('is served where the store does not queue, too', async () => {
    const clock = new FakeClock();
    const store = tap(memoryStore({ clock }), false);
    const [a, b] = [core({ clock, store }), core({ clock, store })];
    const all = [take(a, permit(2)), take(b, permit(2)), take(a, permit(2)), take(b, permit(2))];
    await clock.advance(1_000);
    expect(all.filter(({ value }) => value?.held)).toHaveLength(2);
    for (const { value } of all) await value?.release();
    await clock.advance(1_000);
    expect(all.filter(({ settled }) => settled)).toHaveLength(4);
    for (const { value } of all) await value?.release();
    await clock.advance(1_000);
    expect([a.engine.keyCount, b.engine.keyCount]).toEqual([0, 0]);
  });
});

describe('kinds that do not go together', () => {
  const mixed = (option: string, there: string): object => ({
    code: 'LOCK_OPTIONS',
    option,
    message: expect.stringContaining(there) as unknown,
  });

  it.each([
    ['a writer', writing(), 'limit', 'an exclusive lock'],
    ['a reader', reading(), 'limit', 'a shared lock'],
  ])('on one name are refused at once, beside %s', async (_, options, option, there) => {
    const { a, b } = two();
    const first = take(a, options);
    await settle();
    for (const wait of [0, 10_000]) {
      for (const engine of [a, b]) {
        const refused = engine.engine.acquire(['k'], permit(2, { wait }));
        await expect(refused).rejects.toMatchObject(mixed(option, there));
        await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('"k"') as unknown });
      }
    }
    expect(held(first)).toEqual([true]);
    await first.value?.release();
    expect(b.engine.keyCount).toBe(0);
  });

  it.each([
    ['a writer', writing()],
    ['a reader', reading()],
  ])('refuse %s beside a semaphore', async (_, options) => {
    const { a, b } = two();
    const first = take(a, permit(2));
    await settle();
    for (const wait of [0, 10_000]) {
      for (const engine of [a, b]) {
        const refused = engine.engine.acquire(['k'], { ...options, wait });
        await expect(refused).rejects.toMatchObject(mixed('mode', 'a semaphore'));
      }
    }
    await first.value?.release();
    const next = await b.engine.acquire(['k'], options);
    await next.release();
  });

  it('are refused with their request: those who wait in the queue are, and the next may come', async () => {
    const { a, b } = two();
    const first = take(a, permit(2));
    await settle();
    const all = [take(b, writing()), take(b, reading()), take(b, reading()), take(b, writing())];
    await settle();
    for (const { error } of all) expect(error).toMatchObject(mixed('mode', 'a semaphore'));
    expect(b.engine.keyCount).toBe(0);
    await first.value?.release();
    await settle();
    const next = take(b, writing());
    await settle();
    expect(held(next)).toEqual([true]);
    await next.value?.release();
  });
});

describe('several keys of one kind', () => {
  it('are read together, all or none', async () => {
    const { a, b } = two();
    const both = take(a, reading(), ['a', 'b']);
    const too = take(b, reading(), ['a', 'b']);
    await settle();
    expect(held(both, too)).toEqual([true, true]);
    expect(both.value?.fence).not.toBe(too.value?.fence);
    await expect(a.engine.acquire(['a', 'c'], writing({ wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await expect(a.engine.acquire(['0', 'b'], permit(2, { wait: 0 }))).rejects.toMatchObject({
      code: 'LOCK_OPTIONS',
    });
    const free = take(a, writing({ wait: 0 }), ['0', 'c']);
    await settle();
    expect(held(free)).toEqual([true]);
    await releaseAll([both, too, free]);
    expect([a.engine.keyCount, b.engine.keyCount]).toEqual([0, 0]);
  });

  it('of semaphores have fences that rise, whichever key their fence is of', async () => {
    const { a } = two();
    const fences: number[] = [];
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const lock = await a.engine.acquire(i % 3 === 0 ? ['a', 'b'] : ['b'], permit(3));
        fences.push(lock.fence);
        await settle();
        await lock.release();
      }),
    );
    expect(new Set(fences).size).toBe(40);
    expect(a.engine.keyCount).toBe(0);
  });
});

describe('tokens', () => {
  it('tell the kind that was requested', async () => {
    const { a } = two();
    const kinds = [writing(), reading(), permit(7)];
    const locks = await Promise.all(kinds.map((options, i) => a.engine.acquire([`k${i}`], options)));
    expect(locks.map(({ token }) => accessOf(token))).toEqual(kinds.map(({ access }) => access));
    await Promise.all(locks.map((lock) => lock.release()));
  });
});
