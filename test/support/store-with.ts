/** A store that does some things otherwise, as a test says. */
import type { LockStore, LockStoreListener, LockStoreSession } from '../../lib/core/store.contract.js';
import type { FakeClock } from './fake-clock.js';

/** @param inner of sessions that are plain objects, as the memory store's. */
export function storeWith(
  inner: LockStore,
  change: (session: LockStoreSession, listener: LockStoreListener) => Partial<LockStoreSession>,
): LockStore {
  return {
    open(party, listener) {
      const session = inner.open(party, listener);
      return { ...session, ...change(session, listener) };
    },
    close: () => inner.close(),
  };
}

/** Grants come late: of a lease of 90 ms too little is left to start on. */
export function lateGrants(clock: FakeClock, session: LockStoreSession): Pick<LockStoreSession, 'turn'> {
  return {
    turn: async (request) => {
      const reply = await session.turn(request);
      if (request.ask !== undefined) await clock.advance(40);
      return reply;
    },
  };
}
