/** Events of locks, for diagnostics, logs and tests. */
import type { LockLossReason } from '../../errors/index.js';

export type LockEventName =
  'wait' | 'acquire' | 'release' | 'lost' | 'busy' | 'store-error' | 'long-hold' | 'force-release';

/** The payload of all events. Facts that an event does not have are undefined. */
export interface LockEvent {
  readonly name: LockEventName;
  /** The key. Undefined if an event concerns the store as a whole. */
  readonly key: string | undefined;
  /** How long the caller waited, in ms (`acquire`, `busy`). */
  readonly waited?: number;
  /** How long the lock has been held, in ms (`release`, `lost`, `long-hold`). */
  readonly held?: number;
  readonly fence?: number;
  readonly reason?: LockLossReason;
  readonly error?: unknown;
  /** Where the lock was taken: a stack trace (`long-hold`). */
  readonly site?: string;
  /** The person or tool that released a lock by force, and why (`force-release`). */
  readonly by?: string;
  readonly why?: string;
  /** The process that held the lock (`force-release`, in the process that released it). */
  readonly owner?: string;
  /** `exclusive`, `shared` or `semaphore` (events of holds and of callers). */
  readonly kind?: string;
  /** The template of the key, such as `order:{params.id}`, if `@Locked` has one (events of holds and of callers). */
  readonly template?: string;
  /** The decorated method, such as `OrdersController.pay` (events of holds and of callers). */
  readonly label?: string;
  /** The name of the module. Undefined for the unnamed module (events of holds and of callers). */
  readonly module?: string;
}

export type LockEventSink = (event: LockEvent) => void;
