/** The input of the contract suite: a test runner, and a store to test. */
import type { LockStore } from '../../core/contracts/store.contract.js';

/** What the suite needs from the test runner. The functions of jest, vitest and node:test fit. */
export interface ContractRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

/** A store to test. The suite makes a new subject for each test. */
export interface ContractSubject {
  readonly store: LockStore;
  /** Lets `ms` milliseconds pass for the store. */
  elapse(ms: number): Promise<void>;
  /**
   * Takes a free key for `ms` milliseconds as a foreign client does: a client that does not use this library. Leave it
   * out if the store has no foreign clients. The suite then skips its checks of foreign clients.
   */
  occupy?(key: string, ms: number): Promise<void>;
  /** Releases what was made for the test. The suite itself closes the store. */
  dispose?(): Promise<void>;
}
