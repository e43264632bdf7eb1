/** A tenure that goes on with those who come meanwhile: where sections are shorter than a command, and nobody queues. */
import { describe, expect, it } from '@jest/globals';
import type { HeldLock } from '../../lib/core/lock.handle.js';
import type { LockStore, RenewRequest, TurnRequest } from '../../lib/core/store.contract.js';
import { LockStoreError } from '../../lib/index.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { acquiring, core } from '../support/core.js';
import { FakeClock } from '../support/fake-clock.js';

/** How long a command takes until its reply is here, and a section, in ms. */
const TRIP = 10;
const SECTION = 0.5;
/** A section with fewer fences left than this is late enough to ask for more. */
const LATE = TRIP / SECTION;

interface Slow {
  readonly store: LockStore;
  readonly turns: TurnRequest[];
  readonly renewals: RenewRequest[];
  /** How long the replies to renewals take, in ms. */
  renewing: number;
  failing: boolean;
}

/** Does at once what it is told, and replies later. */
function slowStore(clock: FakeClock, inner: LockStore, queues = true): Slow {
  const later = <T>(ms: number, reply: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      clock.schedule(() => void reply.then(resolve, reject), ms);
    });
  const open: LockStore['open'] = (party, listener) => {
    const session = inner.open(party, listener);
    return {
      ...session,
      queues,
      turn(request) {
        slow.turns.push(request);
        return later(TRIP, session.turn(request));
      },
      renew(request) {
        slow.renewals.push(request);
        if (!slow.failing) return later(slow.renewing, session.renew(request));
        return Promise.reject(new LockStoreError('The test says so.'));
      },
    };
  };
  const slow: Slow = {
    store: { open, close: () => inner.close() },
    turns: [],
    renewals: [],
    renewing: TRIP,
    failing: false,
  };
  return slow;
}

function setUp(queues = true) {
  const clock = new FakeClock();
  const shared = memoryStore({ clock });
  const slow = slowStore(clock, shared, queues);
  const { locker } = core({ clock, store: slow.store });
  const served: Array<{ caller: string; at: number; fence: number }> = [];
  /** One caller after the other, each for a section. */
  const call = async (caller: string): Promise<void> => {
    const lock = await locker.acquire(['k'], acquiring());
    await section(caller, lock);
  };
  const section = async (caller: string, lock: HeldLock): Promise<void> => {
    served.push({ caller, at: clock.monotonic(), fence: lock.fence });
    await new Promise<void>((resolve) => clock.schedule(resolve, SECTION));
    expect(await lock.release()).toBe(true);
  };
  /** As many callers, which all ask now, behind one that is served at once. */
  const crowd = (count: number, name = 'c'): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, (_, i) => call(`${name}${i}`)));
  return { clock, shared, slow, locker, served, crowd, call };
}

describe('a tenure whose sections are shorter than a command', () => {
  it('asks for fences for those who came meanwhile before its own are used up, and goes on without a pause', async () => {
    const { clock, slow, served, crowd } = setUp();
    const all = crowd(200);
    await clock.advance(1_000);
    await all;
    expect(served.map(({ caller }) => caller)).toEqual(Array.from({ length: 200 }, (_, i) => `c${i}`));
    for (const [i, { fence }] of served.entries()) expect(fence).toBeGreaterThan(served[i - 1]?.fence ?? 0);
    // The first goes alone; then a batch, that goes on to the end: one more command gives it up.
    expect(slow.turns).toHaveLength(3);
    expect(slow.renewals.every(({ unlessQueued }) => unlessQueued)).toBe(true);
    const pauses = served.filter(({ at }, i) => at - (served[i - 1]?.at ?? at) > SECTION + 0.01);
    expect(pauses).toHaveLength(1);
  });

  it('asks for no more than what makes a batch with the fences that are left', async () => {
    const { clock, slow, served, crowd } = setUp();
    const all = crowd(200);
    while (slow.renewals.length === 0) await clock.advance(SECTION / 2);
    const left = 1 + 64 - served.length;
    expect(left).toBeLessThanOrEqual(LATE);
    expect(slow.renewals[0]).toMatchObject({ sections: 64 - left, unlessQueued: true });
    await clock.advance(1_000);
    await all;
  });

  it('ends after its batch where another process queues, which is served next', async () => {
    const { clock, shared, slow, served, crowd } = setUp();
    const other = core({ clock, store: shared });
    const all = crowd(100);
    await clock.advance(2 * TRIP + 1);
    const theirs = other.locker.acquire(['k'], acquiring());
    await clock.advance(100);
    const lock = await theirs;
    expect(served).toHaveLength(65);
    expect(slow.renewals).toHaveLength(1);
    await lock.release();
    await clock.advance(100);
    await all;
    expect(served).toHaveLength(100);
  });

  it('serves a batch at the most after the command, whoever queues then', async () => {
    const { clock, shared, slow, served, crowd } = setUp();
    const other = core({ clock, store: shared });
    const all = crowd(300);
    while (slow.renewals.length === 0) await clock.advance(SECTION / 2);
    const before = served.length;
    const theirs = other.locker.acquire(['k'], acquiring());
    await clock.advance(100);
    const lock = await theirs;
    // The one that runs when it asks, and a batch.
    expect(served.length - before).toBeLessThanOrEqual(64);
    expect(served.length).toBeGreaterThan(1 + 64);
    await lock.release();
    await clock.advance(1_000);
    await all;
  });

  it('waits for a reply that is late, and goes on with it', async () => {
    const { clock, slow, served, crowd } = setUp();
    slow.renewing = 3 * TRIP;
    const all = crowd(100);
    await clock.advance(1_000);
    await all;
    expect(served).toHaveLength(100);
    expect(slow.turns).toHaveLength(3);
    expect(slow.renewals).toHaveLength(1);
  });

  it('starts none later than 50 ms after the command, should its reply take longer', async () => {
    const { clock, slow, served, crowd } = setUp();
    slow.renewing = 60;
    const all = crowd(100);
    await clock.advance(1_000);
    await all;
    expect(served).toHaveLength(100);
    // The rest asks anew.
    expect(slow.turns).toHaveLength(4);
  });

  it('asks anew where the store fails', async () => {
    const { clock, slow, served, crowd } = setUp();
    slow.failing = true;
    const all = crowd(100);
    await clock.advance(1_000);
    await all;
    expect(served).toHaveLength(100);
    expect(slow.turns).toHaveLength(4);
    // Not tried again in this tenure.
    expect(slow.renewals).toHaveLength(1);
  });

  it('leaves those who want a longer lease, or share the key, to an ask of their own', async () => {
    for (const options of [{ ttl: 60_000 }, { sharing: { kind: 'shared', limit: Infinity } as const }]) {
      const { clock, slow, locker, crowd } = setUp();
      const all = crowd(66);
      const different = locker.acquire(['k'], acquiring(options));
      await clock.advance(200);
      await all;
      const lock = await different;
      // The 66th alone was let in, and the one behind it asked with a token of its own.
      expect(slow.renewals.map(({ sections }) => sections)).toEqual([1]);
      expect(slow.turns).toHaveLength(3);
      void lock.release();
      await clock.advance(TRIP);
    }
  });

  it('gives the key up at once when nobody waits any more, whatever is on its way', async () => {
    const { clock, slow, served, locker, crowd } = setUp();
    const all = crowd(65);
    const leaving = new AbortController();
    const left = locker
      .acquire(['k'], acquiring({ signal: leaving.signal }))
      .catch((error: unknown) => error);
    slow.renewing = 1_000;
    while (slow.renewals.length === 0) await clock.advance(SECTION / 2);
    leaving.abort();
    await clock.advance(100);
    await all;
    expect(await left).toMatchObject({ code: 'LOCK_ABORTED' });
    expect(served).toHaveLength(65);
    expect(slow.turns.at(-1)).toMatchObject({ giveUp: {} });
    expect(slow.turns).toHaveLength(3);
    const next = locker.acquire(['k'], acquiring());
    await clock.advance(TRIP);
    const lock = await next;
    // The late reply, of a lease that is over, is none of the new one's.
    await clock.advance(2_000);
    expect(lock.held).toBe(true);
    void lock.release();
    await clock.advance(TRIP);
  });

  it('does not go on where nobody can queue: others come in between', async () => {
    const { clock, slow, crowd } = setUp(false);
    const all = crowd(100);
    await clock.advance(2_000);
    await all;
    expect(slow.renewals).toHaveLength(0);
  });
});
