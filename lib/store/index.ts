/** The entry `nestjs-locked/store`: the types and functions that the author of a store needs. */
export { OFFER_MS } from '../core/contracts/store.contract.js';
export type {
  AcquireReply,
  AcquireRequest,
  Busy,
  ExchangeReply,
  ExchangeRequest,
  Granted,
  Holder,
  KindConflict,
  LockStore,
  LockStoreListener,
  LockStoreSession,
  NotQueued,
  Outage,
  Queued,
  ReleaseRequest,
  RenewReply,
  RenewRequest,
} from '../core/contracts/store.contract.js';
export type {
  KeyHolder,
  KeyState,
  KeyWaiter,
  StoreInspection,
} from '../core/contracts/inspection.contract.js';
export { accessOf, type LockAccess, type LockKind, sessionIdOf } from '../core/contracts/token.js';
export type { Clock, Timer } from '../core/time/clock.js';
