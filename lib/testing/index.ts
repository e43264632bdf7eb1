/** The entry `nestjs-locked/testing`: the tools for tests of applications and of stores. */
export { realClock, timersClock } from './clocks.js';
export { LockControls, type LockControlsOptions } from './lock-controls.js';
export { LockTestingModule, type LockTestingOptions } from './lock-testing.module.js';
export { memoryLocks, provideLocks } from './provide-locks.js';
export type { LockCall } from './lock-call.js';
export { type ContractRunner, type ContractSubject, storeContract } from './store-contract.js';
