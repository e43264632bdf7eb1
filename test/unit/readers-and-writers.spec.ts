/** In which order readers and writers enter, in one process and in two. */
import { describe, expect, it } from '@jest/globals';
import { accessOf } from '../../lib/core/contracts/token.js';
import { acquiring } from '../support/core.js';
import { settle } from '../support/fake-clock.js';
import {
  type Options,
  type Process,
  permit,
  reading,
  scenario,
  states,
  writing,
} from '../support/scenario.js';
import { tap } from '../support/tapped-store.js';

describe('given readers of two processes that request a free key', () => {
  it('then they hold it together, each with its own fence, and a writer enters after the last of them', async () => {
    const { a, b, release, keyCount } = scenario();
    const readers = [...(await a.acquireAtOnce([reading(), reading()])), await b.acquire(reading())];
    expect(states(...readers)).toEqual(['holding', 'holding', 'holding']);
    expect(new Set(readers.map(({ fence }) => fence)).size).toBe(3);
    const writer = await b.acquire(writing());
    for (const reader of readers) {
      expect(writer.state).toBe('waiting');
      expect(await release(reader)).toEqual([true]);
    }
    expect(writer.state).toBe('holding');
    expect(writer.fence).toBeGreaterThan(Math.max(...readers.map(({ fence }) => fence)));
    expect(await release(writer)).toEqual([true]);
    expect(keyCount()).toBe(0);
  });
});

describe('given readers that wait together behind a writer', () => {
  it('then they enter together, under one lease and by one command', async () => {
    const { a, store, clock, release, keyCount } = scenario({ store: (memory) => tap(memory) });
    const writer = await a.acquire(writing());
    const readers = await a.acquireAtOnce(Array.from({ length: 200 }, () => reading()));
    const before = store.exchanges.length;
    await release(writer);
    expect(readers.every(({ state }) => state === 'holding')).toBe(true);
    expect(new Set(readers.map(({ lock }) => lock.token)).size).toBe(1);
    expect(store.exchanges.length - before).toBe(1);
    const fences = readers.map(({ fence }) => fence);
    expect(fences).toEqual([...fences].sort((x, y) => x - y));
    expect(new Set(fences).size).toBe(200);
    await release(...readers);
    expect([keyCount(), clock.timers]).toEqual([0, 0]);
  });

  it('then each lease serves a thousand of them, and nobody else enters between two of these leases', async () => {
    const { a, release, keyCount } = scenario();
    const writer = await a.acquire(writing());
    const readers = await a.acquireAtOnce(Array.from({ length: 2_500 }, () => reading()));
    await release(writer);
    expect(readers.filter(({ state }) => state === 'holding')).toHaveLength(2_500);
    expect(new Set(readers.map(({ lock }) => lock.token)).size).toBe(3);
    expect(new Set(readers.map(({ fence }) => fence)).size).toBe(2_500);
    await release(...readers);
    expect(keyCount()).toBe(0);
  });
});

describe('given a writer that waits behind a reader', () => {
  it.each([['of the same process', 'a'] as const, ['of another process', 'b'] as const])(
    'then readers that come after a writer %s wait behind it, and the reader before it does not',
    async (_, process) => {
      const s = scenario();
      const { a, b, release } = s;
      const first = await a.acquire(reading());
      const writer = await s[process].acquire(writing());
      const late = [...(await a.acquireAtOnce([reading(), reading()])), await b.acquire(reading())];
      expect(states(first, writer, ...late)).toEqual(['holding', 'waiting', 'waiting', 'waiting', 'waiting']);
      await release(first);
      expect(states(writer, ...late)).toEqual(['holding', 'waiting', 'waiting', 'waiting']);
      const last = await b.acquire(writing());
      await release(writer);
      expect(states(...late, last)).toEqual(['holding', 'holding', 'holding', 'waiting']);
      await release(...late);
      expect(last.state).toBe('holding');
      await release(last);
    },
  );

  it('then a reader that waits behind the writer is told "busy" at its deadline', async () => {
    const { a, b, pass, release } = scenario();
    const writer = await b.acquire(writing());
    const reader = await a.acquire(reading({ wait: 1_000 }));
    await pass(1_001);
    expect(reader.error).toMatchObject({ code: 'LOCK_BUSY', waited: 1_000, holder: 'test' });
    await release(writer);
  });
});

describe('given readers that never pause', () => {
  it('then a writer is granted, and no reader enters while it holds the key', async () => {
    const { a, b, clock, pass, release } = scenario();
    let stopped = false;
    let reads = 0;
    const busy = async ({ engine }: Process): Promise<void> => {
      while (!stopped) {
        const lock = await engine.acquire(['k'], acquiring(reading()));
        reads += 1;
        await new Promise<void>((resolve) => clock.schedule(resolve, 7));
        await lock.release();
      }
    };
    const all = Array.from({ length: 12 }, (_, i) => busy(i % 2 === 0 ? a : b));
    await pass(50);
    const writer = await b.acquire(writing());
    await pass(20);
    expect(writer.state).toBe('holding');
    const before = reads;
    await pass(30);
    expect(reads).toBe(before);
    await release(writer);
    stopped = true;
    await pass(50);
    await Promise.all(all);
    expect(before).toBeGreaterThan(12);
  });
});

describe('given readers that hold a key for which no writer waits', () => {
  it('then a reader that comes later enters at once', async () => {
    const { a, release } = scenario();
    const first = await a.acquire(reading());
    const second = await a.acquire(reading());
    expect(states(first, second)).toEqual(['holding', 'holding']);
    await release(first);
    const third = await a.acquire(reading());
    expect(states(first, second, third)).toEqual(['released', 'holding', 'holding']);
    await release(second, third);
  });

  it('then tryAcquire admits a reader and refuses a writer, and refuses readers too once a writer waits', async () => {
    const { a, b, release } = scenario();
    const first = await a.acquire(reading());
    const beside = await a.acquire(reading({ wait: 0 }));
    expect(states(first, beside)).toEqual(['holding', 'holding']);
    expect((await a.acquire(writing({ wait: 0 }))).code).toBe('LOCK_BUSY');
    const writer = await b.acquire(writing());
    expect((await a.acquire(reading({ wait: 0 }))).code).toBe('LOCK_BUSY');
    await release(beside);
    await release(first);
    expect((await a.acquire(reading({ wait: 0 }))).code).toBe('LOCK_BUSY');
    await release(writer);
  });
});

describe('given readers and writers of one process', () => {
  it('then they enter in the order of their requests', async () => {
    const { a, keyCount } = scenario();
    const order: string[] = [];
    const use = async (name: string, options: Options): Promise<void> => {
      const lock = await a.engine.acquire(['k'], acquiring(options));
      order.push(`+${name}`);
      // Two readers are inside at once only if a hold lasts for some promise jobs.
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
    expect(keyCount()).toBe(0);
  });
});

describe('given a store without a queue', () => {
  it('then readers enter together, and a writer and a later reader enter one after the other', async () => {
    const { a, b, pass, release, keyCount } = scenario({ store: (memory) => tap(memory, false) });
    const [first, third] = [a.begin(reading()), b.begin(reading())];
    const second = await a.acquire(reading());
    expect(states(first, second, third)).toEqual(['holding', 'holding', 'holding']);
    const writer = b.begin(writing());
    const late = b.begin(reading());
    await pass(500);
    expect(states(writer, late)).toEqual(['waiting', 'waiting']);
    await release(first, second, third);
    await pass(300);
    expect(states(writer, late)).toEqual(['holding', 'waiting']);
    await release(writer);
    await pass(300);
    expect(late.state).toBe('holding');
    await release(late);
    await pass(1_000);
    expect(keyCount()).toBe(0);
  });
});

describe('given readers that hold a key, and callers that wait behind them', () => {
  it('then a shutdown refuses those callers at once, and takes the key from the readers after the grace', async () => {
    const { a, b, pass, release } = scenario();
    const readers = await a.acquireAtOnce([reading(), reading()]);
    const [writer, late] = await a.acquireAtOnce([writing(), reading()]);
    const other = await b.acquire(writing());
    const drained = a.engine.drain(1_000);
    await settle();
    expect(states(writer, late, ...readers)).toEqual([
      'LOCK_SHUTDOWN',
      'LOCK_SHUTDOWN',
      'holding',
      'holding',
    ]);
    await pass(1_001);
    await drained;
    await settle();
    expect(readers.map(({ lock }) => lock.lost)).toMatchObject([
      { reason: 'shutdown' },
      { reason: 'shutdown' },
    ]);
    expect(other.state).toBe('holding');
    await a.engine.close();
    await release(other);
  });
});

describe('given locks of the three kinds', () => {
  it('then the token of each tells the kind that was requested', async () => {
    const { a } = scenario();
    const kinds = [writing(), reading(), permit(7)];
    const locks = await Promise.all(kinds.map((each, i) => a.engine.acquire([`k${i}`], acquiring(each))));
    expect(locks.map(({ token }) => accessOf(token))).toEqual(kinds.map(({ access }) => access));
    await Promise.all(locks.map((lock) => lock.release()));
  });
});
