/** A store with some methods replaced by a test. */
import type {
  LockStore,
  LockStoreListener,
  LockStoreSession,
} from '../../lib/core/contracts/store.contract.js';
import type { FakeClock } from './fake-clock.js';

/** @param inner a store with sessions that are plain objects, as the memory store. */
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

/** Grants arrive 40 ms late, so that too little of a lease of 90 ms is left to start a hold. */
export function lateGrants(clock: FakeClock, session: LockStoreSession): Pick<LockStoreSession, 'exchange'> {
  return {
    exchange: async (request) => {
      const reply = await session.exchange(request);
      if (request.acquire !== undefined) await clock.advance(40);
      return reply;
    },
  };
}
