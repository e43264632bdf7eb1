/**
 * Readers that share one lease: the bounds of each, and what a loss, an offer or a caller that leaves does to all of
 * them.
 */
import { describe, expect, it } from '@jest/globals';
import { EXCLUSIVE } from '../../lib/core/contracts/token.js';
import {
  type Caller,
  type Options,
  type Scenario,
  lossReasons,
  reading,
  scenario,
  states,
  writing,
} from '../support/scenario.js';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { settle } from '../support/fake-clock.js';
import { tap } from '../support/tapped-store.js';

/** Readers that waited behind a writer of the same process, and entered together. */
async function enterTogether(
  { a, release }: Scenario<LockStore>,
  all: readonly Options[],
): Promise<readonly Caller[]> {
  const writer = await a.acquire(writing());
  const readers = await a.acquireAtOnce(all);
  await release(writer);
  return readers;
}

describe('given readers under one lease', () => {
  it('then each ends by its own bounds, and the last of them releases the lease', async () => {
    const s = scenario({ store: (memory) => tap(memory), longHold: 20_000 });
    const { a, pass, release, keyCount } = s;
    const [plain, bounded, unrenewed] = await enterTogether(s, [
      reading(),
      reading({ maxHold: 5_000 }),
      reading({ renew: false, ttl: 12_000 }),
    ]);
    await pass(5_001);
    expect(lossReasons(plain, bounded, unrenewed)).toEqual([undefined, 'max-hold', undefined]);
    await pass(7_000);
    expect(lossReasons(plain, bounded, unrenewed)).toEqual([undefined, 'max-hold', 'expired']);
    await pass(60_000);
    expect(plain.state).toBe('holding');
    expect(a.events.filter(({ name }) => name === 'long-hold')).toHaveLength(1);
    expect(await release(bounded)).toEqual([false]);
    expect(await release(plain)).toEqual([true]);
    expect(await release(unrenewed)).toEqual([false]);
    expect(keyCount()).toBe(0);
    expect((await a.acquire(writing({ wait: 0 }))).state).toBe('holding');
  });

  it('then other callers stay out for the longest minHold of these readers', async () => {
    const s = scenario();
    const { b, pass, release } = s;
    const readers = await enterTogether(s, [
      reading({ minHold: 2_000 }),
      reading({ minHold: 5_000 }),
      reading(),
    ]);
    await release(...readers);
    const [writer, beside] = await b.acquireAtOnce([writing(), reading()]);
    await pass(4_990);
    expect(states(writer, beside)).toEqual(['waiting', 'waiting']);
    await pass(20);
    expect(writer.state).toBe('holding');
    await release(writer);
    await release(beside);
  });

  it('then all of them see the loss of the lease, and the next writer is granted', async () => {
    const s = scenario({ store: (memory) => tap(memory) });
    const { b, store, pass, release } = s;
    const readers = await enterTogether(s, [reading({ ttl: 3_000 }), reading({ ttl: 2_000 })]);
    expect(states(...readers)).toEqual(['holding', 'holding']);
    const signals = readers.map(({ lock }) => lock.signal);
    store.failing = true;
    await pass(3_001);
    store.failing = false;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(lossReasons(...readers)).toEqual(['expired', 'expired']);
    const writer = await b.acquire(writing());
    await pass(2_000);
    expect(writer.state).toBe('holding');
    expect(await release(...readers)).toEqual([false, false]);
    await release(writer);
  });
});

describe('given a reader without renewal', () => {
  it('then its lease ends at the ttl, and the writer behind it is granted', async () => {
    const { a, b, pass, release } = scenario();
    const reader = await a.acquire(reading({ renew: false, ttl: 3_000 }));
    const writer = await b.acquire(writing());
    await pass(3_001);
    expect(states(reader, writer)).toEqual(['lost', 'holding']);
    await release(writer);
  });
});

describe('given a writer that leaves, and readers that waited behind it', () => {
  it('then the process requests the key for readers, and keeps its queueScore', async () => {
    const { a, b, clock, leave, release, keyCount } = scenario();
    const holder = await b.acquire(writing());
    const leaving = new AbortController();
    const writer = await a.acquire(writing({ signal: leaving.signal }));
    const readers = await a.acquireAtOnce([reading(), reading()]);
    const behind = await b.acquire(writing());
    await leave(leaving);
    expect(writer.code).toBe('LOCK_ABORTED');
    await release(holder);
    expect(states(...readers, behind)).toEqual(['holding', 'holding', 'waiting']);
    await release(...readers);
    expect(behind.state).toBe('holding');
    await release(behind);
    expect([keyCount(), clock.timers]).toEqual([0, 0]);
  });

  it('then the readers enter even if the request was on its way, and nothing stays in the store', async () => {
    const { a, store, process, leave, release } = scenario({ store: (memory) => tap(memory) });
    let go = (): void => undefined;
    store.before = new Promise((resolve) => (go = resolve));
    const leaving = new AbortController();
    const [writer, ...readers] = await a.acquireAtOnce([
      { access: EXCLUSIVE, signal: leaving.signal },
      reading(),
      reading(),
    ]);
    await leave(leaving);
    go();
    store.before = undefined;
    await settle();
    expect(states(writer, ...readers)).toEqual(['LOCK_ABORTED', 'holding', 'holding']);
    await release(...readers);
    expect((await process().acquire(writing({ wait: 0 }))).state).toBe('holding');
  });
});

describe('given readers that wait for an offer from another process', () => {
  it('then the first starts at once on a young offer, and the others start with its confirmation', async () => {
    const { a, b, clock, pass, release, keyCount } = scenario();
    const writer = await b.acquire(writing());
    const readers = await a.acquireAtOnce(Array.from({ length: 5 }, () => reading()));
    await release(writer);
    expect(states(...readers)).toEqual(Array(5).fill('holding'));
    await pass(5_000);
    expect(states(...readers)).toEqual(Array(5).fill('holding'));
    await release(...readers);
    expect([keyCount(), clock.timers]).toEqual([0, 0]);
  });

  /** Two readers of `a`, on a store that a test changes, wait for a writer of another process on the memory store. */
  async function twoWaiting() {
    const s = scenario({ store: (memory) => tap(memory) });
    const writer = await s.process(s.memory).acquire(writing());
    return { ...s, writer, readers: await s.a.acquireAtOnce([reading(), reading()]) };
  }

  it('then all of them wait for the confirmation of a late offer', async () => {
    const { store, pass, release, writer, readers } = await twoWaiting();
    const kept: (() => void)[] = [];
    store.kept = kept;
    await release(writer);
    await pass(700);
    store.kept = undefined;
    expect(kept).toHaveLength(1);
    kept[0]();
    expect(states(...readers)).toEqual(['waiting', 'waiting']);
    await settle();
    expect(states(...readers)).toEqual(['holding', 'holding']);
    // The second message of an offer finds a key that is held, and does not release the key.
    kept[0]();
    await settle();
    expect(states(...readers)).toEqual(['holding', 'holding']);
    await release(...readers);
  });

  it('then the first goes on if the confirmation fails, and the others send a new request', async () => {
    const { store, pass, release, keyCount, writer, readers } = await twoWaiting();
    store.failing = true;
    await release(writer);
    expect(states(...readers)).toEqual(['holding', 'waiting']);
    store.failing = false;
    await pass(200);
    expect(states(...readers)).toEqual(['holding', 'holding']);
    await pass(5_000);
    expect(states(...readers)).toEqual(['holding', 'holding']);
    await release(...readers);
    expect(keyCount()).toBe(0);
  });

  it('then the key is requested anew, by one command, if the confirmation finds another holder', async () => {
    const { store, release, keyCount, writer, readers } = await twoWaiting();
    const [first, second] = readers;
    store.denying = true;
    const { length } = store.exchanges;
    await release(writer);
    expect(store.renewals).toHaveLength(1);
    expect(store.exchanges).toHaveLength(length + 1);
    expect(first.lock.lost).toMatchObject({ code: 'LOCK_LOST', reason: 'not-owner' });
    expect(second.state).toBe('holding');
    store.denying = false;
    await release(...readers);
    expect(keyCount()).toBe(0);
  });
});
