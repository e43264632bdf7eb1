/**
 * What is written down while a program runs. All times are of the machine's monotonic clock, in ms (`sharedNow`), so
 * the times of several processes can be compared. A time `from` was read before the call that it belongs to. A time
 * `at` of an outcome was read after the outcome.
 */
import type { LockKind } from '../../lib/core/contracts/token.js';
import type { FaultKind, Lane } from './program.js';

/** A call begins. */
export interface Requested {
  readonly e: 'requested';
  readonly at: number;
  /** The name of this call, also in its later events. */
  readonly id: string;
  /** The name of the session's process. A process that follows a killed one has another name. */
  readonly session: string;
  readonly caller: number;
  /** The number of this call among the calls of its session, from 1. */
  readonly order: number;
  readonly kind: 'acquire' | 'try' | 'using';
  readonly keys: readonly string[];
  readonly lock: LockKind;
  /** The limit of a semaphore. */
  readonly limit?: number;
  readonly ttl: number;
  readonly wait: number;
  readonly renew: boolean;
  readonly maxHold?: number;
  readonly minHold: number;
  readonly fails: boolean;
  /** The bound on waiters of its session, if there is one. */
  readonly maxWaiters?: number;
}

/** The caller has the lock. `remaining` was read after `at`. */
export interface Began {
  readonly e: 'began';
  readonly at: number;
  readonly id: string;
  readonly remaining: number;
  readonly fence: number;
  /** The token of each key, in the order of the sorted keys. */
  readonly tokens: readonly string[];
}

/** A running hold reads `remaining`, after `at`. */
export interface Sample {
  readonly e: 'sample';
  readonly at: number;
  readonly id: string;
  readonly remaining: number;
}

export interface Extended {
  readonly e: 'extended';
  readonly from: number;
  readonly at: number;
  readonly id: string;
  readonly ttl: number;
  /** Read after `at`. */
  readonly remaining: number;
  /** The code of the error, if the extension failed. */
  readonly code?: string;
}

/** The lock was lost: its signal aborted. */
export interface Lost {
  readonly e: 'lost';
  readonly at: number;
  readonly id: string;
  readonly reason: string;
}

/** The lock is about to be released. `remaining` was read after `at`. */
export interface Ending {
  readonly e: 'ending';
  readonly at: number;
  readonly id: string;
  readonly remaining: number;
}

/** The lock was released, as far as the caller was told. */
export interface Ended {
  readonly e: 'ended';
  readonly at: number;
  readonly id: string;
  /** The result of `release()`. */
  readonly released?: boolean;
  /** The reason of the loss, if the lock was lost. */
  readonly lost?: string;
}

/** The caller's own signal aborted the call, which may have been waiting. */
export interface Aborted {
  readonly e: 'aborted';
  readonly at: number;
  readonly id: string;
}

/** The call got no lock. */
export interface Refused {
  readonly e: 'refused';
  readonly at: number;
  readonly id: string;
  /** `BUSY` for the null of `tryAcquire`. Otherwise the code of the error, or its name if it has no code. */
  readonly code: string;
  readonly message: string;
}

/** Something that no program may cause. */
export interface Odd {
  readonly e: 'odd';
  readonly at: number;
  readonly what: string;
  readonly id?: string;
}

/** A process got no time to run, because of SIGSTOP or a busy machine. Redis was late with a PING, for `server`. */
export interface Stall {
  readonly e: 'stall';
  /** A session, `server`, or `fuzzer`: the fuzzer's process with its sessions and all proxies. */
  readonly who: string;
  readonly from: number;
  readonly at: number;
}

/** A fault began after `from`, and was over before `at`. */
export interface FaultSeen {
  readonly e: 'fault';
  readonly kind: FaultKind;
  readonly from: number;
  readonly at: number;
  readonly session?: string;
  readonly lanes?: readonly Lane[];
  readonly key?: string;
  /** The value of the fence counter. Fences that are drawn later are above this value. */
  readonly fence?: number;
}

/** A foreign client held the key, or tried to. */
export interface Foreign {
  readonly e: 'foreign';
  readonly key: string;
  readonly from: number;
  /** When the client had the key. Absent if the client did not get the key. */
  readonly began?: number;
  readonly px: number;
  /** When the client was about to release the key. */
  readonly until: number;
  readonly at: number;
}

/** A token got the key, although another token was the first of the queue before and after. */
export interface Passed {
  readonly e: 'passed';
  readonly from: number;
  readonly at: number;
  readonly key: string;
  readonly first: string;
  readonly by: readonly string[];
}

/** Redis or a session still had something that should be gone. */
export interface Left {
  readonly e: 'left';
  readonly at: number;
  readonly what: string;
}

export type FuzzEvent =
  | Requested
  | Began
  | Sample
  | Extended
  | Lost
  | Ending
  | Ended
  | Aborted
  | Refused
  | Odd
  | Stall
  | FaultSeen
  | Foreign
  | Passed
  | Left;
