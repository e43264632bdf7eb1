/** What the inspection of locks reports. Durations are in ms. */
import type { LockKind } from '../contracts/token.js';
import type { Duration } from '../time/duration.js';

/** What stands at one key. */
export interface LockInfo {
  readonly key: string;
  /** `foreign`: a client without this package has put a value at the key. */
  readonly kind: LockKind | 'foreign';
  /** When this was read, by the clock of this process. */
  readonly at: Date;
  readonly holders: readonly LockHolder[];
  /** Set if an overview cannot tell whether the key has a holder. `inspect` can. */
  readonly unknown?: true;
  /**
   * The processes that wait, in the order of the queue. At most 100. Callers that wait in a process that holds the key may
   * have no request in the queue. Their process stands behind the others.
   */
  readonly queue: readonly LockQueuePlace[];
  /** How many callers wait, as far as known. A process that has not answered counts as one caller. */
  readonly waiting: number;
}

export interface LockHolder {
  /** Names the holder for `forceRelease`: a short hash of its token. */
  readonly id: string;
  /** The label of the process, by default `host:pid`. */
  readonly owner: string;
  /** How long the key stays held if nobody renews the lease. `Infinity` for a foreign value without an expiry. */
  readonly remaining: number;
  /** Whether the holder's process has answered. If not, only the facts above are known. */
  readonly answered: boolean;
  /** For how long the holder has held the key. */
  readonly held?: number;
  /** When the hold began, by the clock of this process. */
  readonly since?: Date;
  /** How long the holder had waited. */
  readonly waited?: number;
  readonly fence?: number;
  readonly ttl?: number;
  readonly renew?: boolean;
  /** Absent if there is no limit. */
  readonly maxHold?: number;
  /** How many permits the semaphore has, for this holder. */
  readonly limit?: number;
  /** How many more readers of the process hold the key by the same lease. The facts are those of the first one. */
  readonly more?: number;
  /** The decorated method, such as `OrdersController.pay`. */
  readonly label?: string;
  /** The template of the key, such as `order:{params.id}`. */
  readonly template?: string;
  /** Where the lock was taken: the first stack frame outside of this package, if it was recorded. */
  readonly site?: string;
  /** The id of the trace that the lock was taken in, if telemetry is on. */
  readonly trace?: string;
}

/** A process that waits. */
export interface LockQueuePlace {
  readonly owner: string;
  readonly kind: LockKind;
  readonly limit?: number;
  /** For how long the request has been in the queue of the store. If there is no request, the wait of the first caller. */
  readonly waited: number;
  readonly answered: boolean;
  /** The callers behind the request, the first one first. Absent if the process has not answered. */
  readonly callers?: readonly LockWaiter[];
  /** How many more callers wait behind the request than `callers` has. */
  readonly more?: number;
}

/** A caller that waits. */
export interface LockWaiter {
  readonly waited: number;
  readonly label?: string;
  readonly template?: string;
  readonly site?: string;
  readonly trace?: string;
  /** The keys that the caller holds meanwhile. At most 20. */
  readonly holds: readonly string[];
}

/** What the processes that answer hold, and what they wait for. */
export interface LockOverview {
  readonly at: Date;
  readonly processes: readonly LockProcess[];
  /**
   * The longest wait is first, then the oldest hold. Each process tells its 20 oldest holds. It tells 20 keys that its callers
   * wait for: those with the longest waits, and those with most callers. Of each key it tells the first 3 callers. `inspect` has
   * up to 100 callers of each process.
   */
  readonly locks: readonly LockInfo[];
  /** How many further keys the callers of the processes wait for. A key counts once for each process. Absent if all are told. */
  readonly more?: number;
  /** Deadlocks across processes. Each was found by two overviews in a row. */
  readonly cycles: readonly LockCycle[];
  /** How many callers were left out of the search for deadlocks. If there are some, the search is incomplete. */
  readonly moreBlocked?: number;
  /** The latest losses, long holds, refusals after a wait, and store errors, the newest first. */
  readonly troubles: readonly LockTrouble[];
  /** How many processes have got the question, and have not answered. */
  readonly silent: number;
}

export interface LockProcess {
  readonly owner: string;
  /** How many locks the process holds. */
  readonly held: number;
  /** How many callers of the process wait. */
  readonly waiting: number;
}

/** Each caller holds keys and waits for a key that the next one holds. The last one waits for the first one. */
export interface LockCycle {
  readonly links: readonly {
    readonly owner: string;
    readonly holds: readonly string[];
    readonly wants: string;
    readonly label?: string;
  }[];
}

export interface LockTrouble {
  readonly what: 'lost' | 'long-hold' | 'busy' | 'store-error';
  readonly owner: string;
  readonly at: Date;
  readonly key?: string;
  readonly label?: string;
  /** The reason of a loss, or the code of an error. */
  readonly reason?: string;
}

export interface ForceReleaseOptions {
  /** A person or a tool. It is logged here, and at the holder. */
  readonly by: string;
  /** The `id` of the holder that is meant. `'any'` releases each present holder. */
  readonly holder: string;
  readonly reason?: string;
}

export interface ForceReleaseResult {
  /** How many holders were released. 0 if the holder that was meant does not hold the key any more. */
  readonly released: number;
  /** How many of the released holders' processes have been told. The others notice at their next renewal. */
  readonly told: number;
}

export interface InspectOptions {
  /** For how long the answers of processes are waited for. @default '250ms' */
  readonly patience?: Duration;
}

export interface ListOptions extends InspectOptions {
  readonly signal?: AbortSignal;
  /** `true` sends a question about each key to its processes. @default false */
  readonly details?: boolean;
}
