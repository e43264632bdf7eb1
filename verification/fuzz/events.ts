/**
 * What is written down while a program runs. All times are of the machine's monotonic clock, in ms (`sharedNow`), so that
 * those of several processes can be compared. A time that something is claimed for was read before it was requested, and a
 * time that something had happened by after it.
 */
import type { LockKind } from '../../lib/core/contracts/token.js';
import type { FaultKind, Lane } from './program.js';

/** A call begins. */
export interface Requested {
  readonly e: 'requested';
  readonly at: number;
  /** Of this call, in all that follows of it. */
  readonly id: string;
  /** The session, as a process: one that follows a killed one has another name. */
  readonly session: string;
  readonly caller: number;
  /** How many calls of the session came before. */
  readonly order: number;
  readonly kind: 'acquire' | 'try' | 'using';
  readonly keys: readonly string[];
  readonly lock: LockKind;
  /** Of a semaphore. */
  readonly limit?: number;
  readonly ttl: number;
  readonly wait: number;
  readonly renew: boolean;
  readonly maxHold?: number;
  readonly minHold: number;
  readonly fails: boolean;
  /** Of its session, where that has a bound. */
  readonly maxWaiters?: number;
}

/** Its caller has it; `remaining` was read after `at`. */
export interface Began {
  readonly e: 'began';
  readonly at: number;
  readonly id: string;
  readonly remaining: number;
  readonly fence: number;
  /** Of each key, in the order of the sorted keys. */
  readonly tokens: readonly string[];
}

/** `remaining`, read after `at`. */
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
  /** Of the error, if it failed. */
  readonly code?: string;
}

/** Its signal aborted, by the loss of the lock. */
export interface Lost {
  readonly e: 'lost';
  readonly at: number;
  readonly id: string;
  readonly reason: string;
}

/** It is about to be given back; `remaining` was read after `at`. */
export interface Ending {
  readonly e: 'ending';
  readonly at: number;
  readonly id: string;
  readonly remaining: number;
}

/** It was given back, for all that the caller was told. */
export interface Ended {
  readonly e: 'ended';
  readonly at: number;
  readonly id: string;
  /** What `release()` said. */
  readonly released?: boolean;
  /** Why it was lost, if it was. */
  readonly lost?: string;
}

/** Its own signal aborted it while it may have waited. */
export interface Aborted {
  readonly e: 'aborted';
  readonly at: number;
  readonly id: string;
}

/** It came to nothing. */
export interface Refused {
  readonly e: 'refused';
  readonly at: number;
  readonly id: string;
  /** `BUSY` for the null of `tryAcquire`; else the error's code, or its name if it has none. */
  readonly code: string;
  readonly message: string;
}

/** Something that must not be, whatever the program. */
export interface Odd {
  readonly e: 'odd';
  readonly at: number;
  readonly what: string;
  readonly id?: string;
}

/** A process got no time to run: SIGSTOP, or a busy machine. `server`: Redis was late with a PING. */
export interface Stall {
  readonly e: 'stall';
  /** A session, `fuzzer` (with the sessions that live in it and all proxies), or `server`. */
  readonly who: string;
  readonly from: number;
  readonly at: number;
}

/** It began after `from` and was over by `at`. */
export interface FaultSeen {
  readonly e: 'fault';
  readonly kind: FaultKind;
  readonly from: number;
  readonly at: number;
  readonly session?: string;
  readonly lanes?: readonly Lane[];
  readonly key?: string;
  /** Those drawn after it are above. */
  readonly fence?: number;
}

/** A plain client's hold, or an attempt at one. */
export interface Foreign {
  readonly e: 'foreign';
  readonly key: string;
  readonly from: number;
  /** When it had the key; absent if it got none. */
  readonly began?: number;
  readonly px: number;
  /** When it was about to give it back. */
  readonly until: number;
  readonly at: number;
}

/** Somebody held the key, and had not before, though another one was the first in its queue before and after. */
export interface Passed {
  readonly e: 'passed';
  readonly from: number;
  readonly at: number;
  readonly key: string;
  readonly first: string;
  readonly by: readonly string[];
}

/** Something stood in Redis, or in a session, that should have gone. */
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
