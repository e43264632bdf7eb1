import type { LockEventName } from '../core/events/events.js';

/** One log line, for an application with a structured log. Durations are in ms. */
export interface LockLogLine {
  readonly level: 'log' | 'warn' | 'error';
  /** The event that is logged. `module`: the module itself or its store, such as a connection that ended. */
  readonly event: LockEventName | 'module';
  /** The text that Nest's logger would get. */
  readonly message: string;
  readonly key?: string;
  readonly template?: string;
  readonly label?: string;
  readonly kind?: string;
  readonly held?: number;
  readonly waited?: number;
  readonly fence?: number;
  readonly reason?: string;
  readonly owner?: string;
  readonly by?: string;
  readonly error?: unknown;
}

/** Where a module logs. */
export type LockLog = 'text' | ((entry: LockLogLine) => void);
