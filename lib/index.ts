/** What the package exports. */
export { LockModule } from './lock.module.js';
export { LockService, type LockedWork } from './lock.service.js';
export { getLockServiceToken, getLockStoreToken } from './lock.constants.js';
export type {
  LockModuleAsyncOptions,
  LockModuleExtras,
  LockModuleOptions,
  LockModuleRootOptions,
  LockOptionsFactory,
} from './interfaces/lock-module-options.interface.js';

export { Locked } from './decorators/locked.decorator.js';
export { fromContext, type FromContextKey } from './decorators/from-context.js';
export { LockErrorInterceptor, type LockErrorSettings } from './interceptors/lock-error.interceptor.js';
export { attachLockService } from './decorators/attach-lock-service.js';
export { InjectLockService } from './decorators/inject-lock-service.decorator.js';
export type { LockedKey, LockedOptions, OnBusy } from './decorators/locked.types.js';
export type { LockedDecorator } from './decorators/locked.verdict.js';
export { lockKey } from './core/keys/lock-key.tag.js';
export type { LockKeyValue } from './core/keys/key-value.js';

export type { Lock } from './core/lock.js';
export type {
  AcquireOptions,
  LockDefaults,
  LockMode,
  Reentry,
  UsingOptions,
} from './core/acquire.options.js';
export type { Duration } from './core/duration.js';
export { duration } from './core/read-duration.js';
export type { LockEvent, LockEventName } from './core/events.js';

export {
  type DeadlockLink,
  LockAbortedError,
  LockBusyError,
  LockDeadlockError,
  LockError,
  type LockErrorCode,
  LockKeyError,
  type LockLossReason,
  LockLostError,
  LockNotHeldError,
  LockOptionsError,
  LockQueueFullError,
  LockReentryError,
  LockShutdownError,
  LockStoreError,
  LockWiringError,
  isLockError,
} from './errors/index.js';

export { type MemoryStoreOptions, memoryStore } from './stores/memory/memory.store.js';
export type { RedisLike, RedisSettings } from './stores/redis/redis-client.interface.js';
export type { Clock, Timer } from './core/clock.js';
export { OFFER_MS } from './core/store.contract.js';
export { type LockKind, type LockAccess, sessionIdOf, accessOf } from './core/token.js';
export type {
  AcquireReply,
  AcquireRequest,
  Busy,
  ReleaseRequest,
  NotQueued,
  Granted,
  Holder,
  LockStore,
  LockStoreListener,
  LockStoreSession,
  KindConflict,
  Outage,
  Queued,
  RenewReply,
  RenewRequest,
  ExchangeReply,
  ExchangeRequest,
} from './core/store.contract.js';
