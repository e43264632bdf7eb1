/** What the commands use of a LockService. */
import type {
  ForceReleaseOptions,
  ForceReleaseResult,
  InspectOptions,
  ListOptions,
  LockInfo,
  LockOverview,
} from '../core/inspection/lock-info.js';

export interface LockInspector {
  overview(options?: InspectOptions): Promise<LockOverview>;
  inspect(key: string, options?: InspectOptions): Promise<LockInfo | null>;
  list(pattern?: string, options?: ListOptions): AsyncIterable<LockInfo>;
  forceRelease(key: string, options: ForceReleaseOptions): Promise<ForceReleaseResult>;
}

export interface OpenedLocks {
  readonly locks: LockInspector;
  /** Ends the connections. */
  close(): Promise<void>;
}
