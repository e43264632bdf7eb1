/** `nestjs-locked/testing`: what tests of applications and of stores use. */
export { memoryLocks, provideLocks } from './provide-locks.js';
export { type ContractRunner, type ContractSubject, storeContract } from './store-contract.js';
