/** The entry `nestjs-locked`: the public names of the package. */
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
export { fromContext, type FromContextKey } from './locked/from-context.js';
export { LockErrorInterceptor, type LockErrorSettings } from './error-mapping/lock-error.interceptor.js';
export { attachLockService } from './locked/decoration/attach-lock-service.js';
export { InjectLockService } from './decorators/inject-lock-service.decorator.js';
export type { LockedKey, LockedOptions, OnBusy } from './locked/locked.types.js';
export type { LockedDecorator } from './locked/locked.type-checks.js';
export { lockKey } from './core/keys/lock-key.tag.js';
export type { LockKeyValue } from './core/keys/key-value.js';

export type {
  ForceReleaseOptions,
  ForceReleaseResult,
  InspectOptions,
  ListOptions,
  LockCycle,
  LockHolder,
  LockInfo,
  LockOverview,
  LockProcess,
  LockQueuePlace,
  LockTrouble,
  LockWaiter,
} from './core/inspection/lock-info.js';
export type { Lock } from './core/contracts/lock.js';
export type {
  AcquireOptions,
  LockDefaults,
  LockMode,
  Reentry,
  UsingOptions,
} from './core/options/acquire.options.js';
export type { Duration } from './core/time/duration.js';
export { duration } from './core/options/read-duration.js';
export type { LockLog, LockLogLine } from './interfaces/lock-log-line.interface.js';
export type { LockEvent, LockEventName } from './core/events/events.js';

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
export type { RedisLike, RedisSettings } from './stores/redis/client/redis-client.interface.js';
