/** Callers that reach their deadline before the reply of the store arrives, and the callers behind them. */
import { describe, expect, it } from '@jest/globals';
import type { ExchangeReply } from '../../lib/core/contracts/store.contract.js';
import { SHARED } from '../../lib/core/contracts/token.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { type Core, acquiring, core } from '../support/core.js';
import { deferred } from '../support/deferred.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { permit, scenario } from '../support/scenario.js';
import { tap } from '../support/tapped-store.js';
import { storeWith } from '../support/store-with.js';

interface Late {
  readonly late: Core;
  readonly other: Core;
  /** Delivers the delayed replies. Later replies are not delayed. */
  arrive(): Promise<void>;
}

/** Two engines: replies to requests of `late` are delayed, and replies to `other` are not. */
function lateCore(): Late {
  const clock = new FakeClock();
  const inner = memoryStore({ clock });
  const barrier = deferred();
  let held = true;
  const store = storeWith(inner, (session) => ({
    exchange: async (request): Promise<ExchangeReply> => {
      const reply = await session.exchange(request);
      if (held && request.acquire !== undefined) await barrier.promise;
      return reply;
    },
  }));
  return {
    late: core({ clock, store }),
    other: core({ clock, store: inner }),
    async arrive() {
      held = false;
      barrier.resolve();
      await settle();
    },
  };
}

const code = (error: unknown): unknown => (error as { code?: unknown }).code;
const SHORT = { wait: 50 };

describe('given two permits, and a caller that reaches its deadline before the reply that grants the second one', () => {
  it('then the end of the first hold does not refuse the caller', async () => {
    const barrier = deferred();
    const { a, store, pass, release } = scenario({ store: (memory) => tap(memory) });
    const first = await a.acquire(permit(2));
    store.before = barrier.promise;
    const caller = a.begin(permit(2, { wait: 100 }));
    await pass(150);
    const released = release(first);
    await pass(1);
    expect(caller.state).toBe('waiting');
    store.before = undefined;
    barrier.resolve();
    await released;
    await pass(10);
    expect(caller.state).toBe('holding');
    await release(caller);
  });
});

describe('given a caller that reaches its deadline before the reply', () => {
  it('given the reply is a grant, then the caller is granted', async () => {
    const { late, arrive } = lateCore();
    const requested = late.engine.acquire(['k'], acquiring(SHORT));
    await late.clock.advance(500);
    await arrive();
    expect(await (await requested).release()).toBe(true);
    expect(late.engine.keyCount).toBe(0);
  });

  it.each([
    ['exclusive callers', undefined],
    ['readers', SHARED],
  ])(
    'given the reply is a grant for a batch of %s, then each caller is granted or told "busy"',
    async (_, access) => {
      const { late, arrive } = lateCore();
      const calls = [1, 2, 3].map(() =>
        late.engine.acquire(['k'], acquiring({ ...SHORT, ...(access && { access }) })).catch(code),
      );
      await late.clock.advance(500);
      await arrive();
      const outcomes = await Promise.all(calls);
      const granted = outcomes.filter((each) => typeof each === 'object');
      expect(granted.length).toBeGreaterThan(0);
      expect(outcomes.filter((each) => each === 'LOCK_BUSY')).toHaveLength(3 - granted.length);
      for (const each of outcomes)
        if (typeof each === 'object') await (each as { release(): Promise<boolean> }).release();
      expect(late.engine.keyCount).toBe(0);
    },
  );

  it('given the reply is "queued", then the caller is told "busy", and the reader behind it gets one lease of its own kind', async () => {
    const { late, other, arrive } = lateCore();
    const held = await other.engine.acquire(['k'], acquiring());
    const writer = late.engine.acquire(['k'], acquiring(SHORT)).catch(code);
    const reader = late.engine.acquire(['k'], acquiring({ access: SHARED }));
    await late.clock.advance(500);
    await arrive();
    expect(await writer).toBe('LOCK_BUSY');
    await held.release();
    await settle();
    const lock = await reader;
    expect(lock.token).toMatch(/-s:/);
    // The process holds exactly one lease: another reader enters beside it, and a writer after both.
    const beside = await other.engine.acquire(['k'], acquiring({ access: SHARED, wait: 0 }));
    expect(await beside.release()).toBe(true);
    expect(await lock.release()).toBe(true);
    await late.clock.advance(20_000);
    expect([late.engine.keyCount, other.engine.keyCount]).toEqual([0, 0]);
    const last = await other.engine.acquire(['k'], acquiring({ wait: 0 }));
    expect(await last.release()).toBe(true);
  });

  it('given the reply is "queued" and no caller is behind it, then the process leaves the queue', async () => {
    const { late, other, arrive } = lateCore();
    const held = await other.engine.acquire(['k'], acquiring());
    const requested = late.engine.acquire(['k'], acquiring(SHORT)).catch(code);
    await late.clock.advance(500);
    await arrive();
    expect(await requested).toBe('LOCK_BUSY');
    await held.release();
    await late.clock.advance(20_000);
    expect(await (await other.engine.acquire(['k'], acquiring({ wait: 0 }))).release()).toBe(true);
    expect([late.engine.keyCount, late.clock.timers]).toEqual([0, 0]);
  });

  it('given no reply, then the call fails as a store error after the time-out of a command, not as "busy"', async () => {
    const { late } = lateCore();
    const requested = late.engine.acquire(['k'], acquiring(SHORT)).catch(code);
    await late.clock.advance(50 + 10_000);
    await settle();
    await late.clock.advance(300);
    expect(await requested).toBe('LOCK_STORE');
  });
});
