/** The heart of a module: gates by key, leases, shutdown. */
import type { LockLostError } from '../errors/index.js';
import type { Lock } from './lock.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Clock } from './clock.js';
import type { LockEventSink } from './events.js';
import type { LockStore } from './store.contract.js';

export interface LockerSettings {
  readonly store: LockStore;
  /** The label in tokens. */
  readonly owner: string;
  /** `Infinity` for no bound. */
  readonly maxWaiters: number;
  /** In ms. */
  readonly longHold: number;
  readonly emit: LockEventSink;
  readonly clock?: Clock;
}

/** A lock as the service sees it. */
export interface HeldLock extends Lock {
  /** Gives the lock back; never rejects. Afterwards `lost` is final. */
  finish(): Promise<void>;
  /** Set when it was lost while held, as far as is known by now. */
  readonly lost: LockLostError | undefined;
  /** Has its release begun? */
  readonly released: boolean;
}

export declare class Locker {
  constructor(settings: LockerSettings);
  /** `keys`: sorted, distinct, checked. */
  acquire(keys: readonly string[], options: ResolvedAcquire): Promise<HeldLock>;
  /** Refuses new acquisitions and ends those that wait, with a LockShutdownError. Idempotent. */
  refuse(): void;
  /** Waits until nothing is held, for at most `grace` ms; then releases what still is (their holders see it lost). */
  drain(grace: number): Promise<void>;
  /** Ends the session with the store. The store itself is its owner's to close. */
  close(): Promise<void>;
}
