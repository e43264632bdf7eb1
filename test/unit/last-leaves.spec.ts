/** The last caller leaves while its lease is there already, and waits for a renewal before a section may start. */
import { describe, expect, it } from '@jest/globals';
import type { LockStore } from '../../lib/core/store.contract.js';
import { EXCLUSIVE, type Sharing } from '../../lib/core/token.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { acquiring, core } from '../support/core.js';
import { FakeClock, settle } from '../support/fake-clock.js';

const TTL = 90;
const KINDS: readonly Sharing[] = [
  EXCLUSIVE,
  { kind: 'shared', limit: Infinity },
  { kind: 'semaphore', limit: 1 },
];

/** Grants so late that too little of the lease is left to start on, and does not answer renewals. */
function lateStore(clock: FakeClock, inner: LockStore): { store: LockStore; renewing: Promise<void> } {
  let onRenewal = (): void => undefined;
  const renewing = new Promise<void>((resolve) => (onRenewal = resolve));
  const open: LockStore['open'] = (party, listener) => {
    const session = inner.open(party, listener);
    return {
      ...session,
      turn: async (request) => {
        const reply = await session.turn(request);
        if (request.ask !== undefined) await clock.advance(40);
        return reply;
      },
      renew: async (request) => {
        onRenewal();
        await session.renew({ ...request, ttl: 30_000 });
        return new Promise(() => undefined);
      },
    };
  };
  return { store: { open, close: () => inner.close() }, renewing };
}

describe.each(KINDS)('a lease that is renewed before it serves anybody: $kind', (sharing) => {
  it.each(['leaves', 'is refused at shutdown'])('is given up at once when the last one %s', async (how) => {
    const clock = new FakeClock();
    const inner = memoryStore({ clock });
    const { store, renewing } = lateStore(clock, inner);
    const { locker } = core({ clock, store });
    const leaving = new AbortController();
    const call = locker
      .acquire(['k'], acquiring({ ttl: TTL, sharing, signal: leaving.signal }))
      .catch((error: unknown) => error);
    await renewing;
    const over = how === 'leaves' ? leaving.abort() : locker.drain(1_000).then(() => locker.close());
    await settle();
    await over;
    expect(await call).toMatchObject({ code: how === 'leaves' ? 'LOCK_ABORTED' : 'LOCK_SHUTDOWN' });
    const other = core({ clock, store: inner });
    const lock = await other.locker.acquire(['k'], acquiring({ wait: 0 }));
    expect(await lock.release()).toBe(true);
    expect(locker.gateCount).toBe(0);
  });
});
