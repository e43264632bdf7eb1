import type { LockEvent, LockEventName } from '../core/events/events.js';

/** One log line, for an application with a structured log. Durations are in ms. */
export interface LockLogLine {
  readonly level: 'log' | 'warn' | 'error';
  /** The event that is logged. `module`: the module itself or its store, such as a connection that ended. */
  readonly event: LockEventName | 'module';
  /** The text that Nest's logger would get. */
  readonly message: string;
  readonly key?: string;
  /** `template`, `label` and `kind` tell of the caller: the one that holds the lock, or that has waited in vain. */
  readonly template?: string;
  readonly label?: string;
  readonly kind?: string;
  /** How long the caller has waited. */
  readonly waited?: number;
  /** `held`, `fence` and `owner` tell of the holder, also in `wait-failed`, where the caller is another one. */
  readonly held?: number;
  readonly fence?: number;
  readonly owner?: string;
  /** More about the holder that the caller has waited for (`wait-failed`). Left out if the key is free by now. */
  readonly holder?: LockEvent['holder'];
  /** How many callers wait for the key, and in how many processes (`wait-failed`). */
  readonly waiting?: number;
  readonly processes?: number;
  /** Why a lock was lost. */
  readonly reason?: string;
  /** The person or tool that released a lock by force, and why (`force-release`). */
  readonly by?: string;
  readonly why?: string;
  readonly error?: unknown;
}

/** Where a module logs. */
export type LockLog = 'text' | ((entry: LockLogLine) => void);
