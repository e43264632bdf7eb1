/** A store that records its commands, and that fails, delays or denies them as a test says. */
import type {
  ExchangeRequest,
  LockStore,
  LockStoreListener,
} from '../../lib/core/contracts/store.contract.js';
import { LockStoreError } from '../../lib/errors/index.js';

export interface TappedStore extends LockStore {
  readonly exchanges: ExchangeRequest[];
  /** The tokens that were renewed. */
  readonly renewals: string[];
  /** While true, each command fails. */
  failing: boolean;
  /** While true, the reply to a renewal is that the key belongs to another token. */
  denying: boolean;
  /** While it is an array, offers are gathered in it and not delivered. */
  kept: (() => void)[] | undefined;
  /** Each exchange waits for this promise before it begins. */
  before: Promise<void> | undefined;
  /** Each renewal waits for this promise before it begins. */
  beforeRenewal: Promise<void> | undefined;
}

/** @param supportsQueue false for a store that excludes, and does not queue. */
export function tap(store: LockStore, supportsQueue = true): TappedStore {
  const tapped: TappedStore = {
    exchanges: [],
    renewals: [],
    failing: false,
    denying: false,
    kept: undefined,
    before: undefined,
    beforeRenewal: undefined,
    open(sessionId, listener) {
      const heard: LockStoreListener = {
        ...listener,
        onGrant: (...offer) => {
          const deliver = (): void => listener.onGrant(...offer);
          if (tapped.kept === undefined) deliver();
          else tapped.kept.push(deliver);
        },
      };
      const session = store.open(sessionId, heard);
      const failIfTold = (): void => {
        if (tapped.failing) throw new LockStoreError('down');
      };
      return {
        supportsQueue,
        inspection: session.inspection,
        canNotify: (key) => session.canNotify(key),
        fenceDomainOf: (key) => session.fenceDomainOf(key),
        subscribe: (key) => session.subscribe(key),
        close: () => session.close(),
        exchange: async (request) => {
          tapped.exchanges.push(request);
          if (tapped.before !== undefined) await tapped.before;
          failIfTold();
          const { acquire } = request;
          const mode = supportsQueue || acquire === undefined ? acquire?.mode : 'once';
          return session.exchange(
            acquire === undefined ? request : { ...request, acquire: { ...acquire, mode: mode ?? 'once' } },
          );
        },
        renew: async (request) => {
          tapped.renewals.push(request.token);
          if (tapped.beforeRenewal !== undefined) await tapped.beforeRenewal;
          failIfTold();
          return tapped.denying ? { held: false, fence: 0 } : session.renew(request);
        },
      };
    },
    close: () => store.close(),
  };
  return tapped;
}
