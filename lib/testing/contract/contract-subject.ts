/** What the contract suite is given: a runner, and a store to test. */
import type { LockStore } from '../../core/contracts/store.contract.js';

/** What the suite needs of the test runner: jest's, vitest's and node:test's own will do. */
export interface ContractRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

/** A store to test, made anew for each test. */
export interface ContractSubject {
  readonly store: LockStore;
  /** Lets `ms` pass for the store. */
  elapse(ms: number): Promise<void>;
  /**
   * Takes a free key for `ms` as a client does that is none of this library's. Left out where the store knows none: what
   * the suite says of them is passed over then.
   */
  occupy?(key: string, ms: number): Promise<void>;
  /** Ends what was made for the test; the store is closed by the suite. */
  dispose?(): Promise<void>;
}
