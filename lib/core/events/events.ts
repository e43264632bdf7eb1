/** Events of locks, for diagnostics, logs and tests. */
import type { LockLossReason } from '../../errors/index.js';

export type LockEventName =
  | 'wait'
  | 'acquire'
  | 'release'
  | 'lost'
  | 'busy'
  | 'store-error'
  | 'long-hold'
  | 'force-release'
  | 'wait-failed';

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
  /** The process that holds or held the lock (`wait-failed`; `force-release` in the process that released it). */
  readonly owner?: string;
  /** What is known of the holder that a caller has waited for in vain (`wait-failed`). Undefined if the key is free. */
  readonly holder?: {
    readonly label?: string;
    readonly site?: string;
    /** Whether the process of the holder has answered. */
    readonly answered: boolean;
    /** How long the lease of the holder still runs, in ms. */
    readonly remaining: number;
  };
  /** How many callers wait, and in how many processes (`wait-failed`). */
  readonly waiting?: number;
  readonly processes?: number;
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
