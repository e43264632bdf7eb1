/** A store that does some things otherwise, as a test says. */
import type {
  LockStore,
  LockStoreListener,
  LockStoreSession,
} from '../../lib/core/contracts/store.contract.js';
import type { FakeClock } from './fake-clock.js';

/** @param inner of sessions that are plain objects, as the memory store's. */
export function storeWith(
  inner: LockStore,
  change: (session: LockStoreSession, listener: LockStoreListener) => Partial<LockStoreSession>,
): LockStore {
  return {
    open(sessionId, listener) {
      const session = inner.open(sessionId, listener);
      return { ...session, ...change(session, listener) };
    },
    close: () => inner.close(),
  };
}

/** Grants come late: of a lease of 90 ms too little is left to start on. */
export function lateGrants(clock: FakeClock, session: LockStoreSession): Pick<LockStoreSession, 'exchange'> {
  return {
    exchange: async (request) => {
      const reply = await session.exchange(request);
      if (request.acquire !== undefined) await clock.advance(40);
      return reply;
    },
  };
}
