/** The callers of this process that wait for one key, in order of arrival. The queue itself makes no decisions. */
import { EXCLUSIVE, type LockAccess, sameAccess } from '../contracts/token.js';
import { LinkedList } from '../util/linked-list.js';
import { MOST_HOLDS, MOST_READERS } from './batch-limits.js';
import type { Caller } from './caller.js';
import { Waiter, type WaiterHost } from './waiter.js';

/** The callers that one request is for: the first waiter, and the waiters right behind it with the same access. */
export interface NextBatch {
  readonly access: LockAccess;
  /** How many callers the lease may serve. */
  readonly callers: number;
  /** The longest ttl among the callers, in ms. */
  readonly ttl: number;
  /** The number of the last caller. */
  readonly upTo: number;
}

export class WaitQueue {
  readonly #waiters = new LinkedList<Waiter>();
  /** Callers are numbered. Callers up to `#informed` know that the key is busy. */
  #arrivals = 0;
  #informed = 0;
  /** How many waiters stay for a reply after their deadline. */
  #overdue = 0;

  get size(): number {
    return this.#waiters.size;
  }

  get first(): Waiter | undefined {
    return this.#waiters.first;
  }

  add(host: WaiterHost, caller: Caller<unknown>, wait: number): Waiter {
    const waiter = new Waiter(host, (this.#arrivals += 1), caller, wait);
    waiter.node = this.#waiters.push(waiter);
    return waiter;
  }

  /** Takes over the first caller of the key, which is the only one until now. @param waits whether it waits still. */
  adopt(waiter: Waiter, waits: boolean): void {
    this.#arrivals = waiter.number;
    if (waits) waiter.node = this.#waiters.push(waiter);
  }

  /** Removes the first waiter and returns it. */
  shift(): Waiter | undefined {
    const waiter = this.#waiters.shift();
    if (waiter?.overdue === true) this.#overdue -= 1;
    return waiter;
  }

  remove(waiter: Waiter): void {
    if (waiter.node?.listed !== true) return;
    this.#waiters.remove(waiter.node);
    if (waiter.overdue) this.#overdue -= 1;
  }

  nextBatch(): NextBatch {
    let ttl = 0;
    let callers = 0;
    let upTo = 0;
    const access = this.first?.options.access ?? EXCLUSIVE;
    const most = access.kind === 'shared' ? MOST_READERS : MOST_HOLDS;
    // A loop over the nodes: an iterator for each command costs measurable time.
    for (let at = this.#waiters.head; at !== undefined && callers < most; at = at.next) {
      const { options, number } = at.value;
      if (!sameAccess(options.access, access)) break;
      ttl = Math.max(ttl, options.ttl);
      callers += 1;
      upTo = number;
    }
    return { access, ttl, callers: Math.max(1, callers), upTo };
  }

  /** Every waiter knows from now on that the key is busy. `tell` is called for each waiter that did not know. */
  inform(tell?: (waiter: Waiter) => void): void {
    if (tell !== undefined) {
      const uninformed: Waiter[] = [];
      // From the end: the uninformed waiters are the last ones.
      for (let at = this.#waiters.tail; at !== undefined && !this.informed(at.value); at = at.previous) {
        uninformed.push(at.value);
      }
      uninformed.reverse().forEach(tell);
    }
    this.#informed = this.#arrivals;
  }

  informed(waiter: Waiter): boolean {
    return waiter.number <= this.#informed;
  }

  /** A waiter's deadline has come while a reply is awaited. The waiter stays for the reply, for at most `ms`. */
  stayForReply(waiter: Waiter, ms: number): void {
    waiter.stayForReply(ms);
    this.#overdue += 1;
  }

  /** The waiters that stay after their deadline. */
  overdue(): Waiter[] {
    return this.#overdue === 0 ? NONE : this.select((waiter) => waiter.overdue);
  }

  /** The first waiters, at most so many. */
  take(most: number): Waiter[] {
    const waiters: Waiter[] = [];
    for (let at = this.#waiters.head; at !== undefined && waiters.length < most; at = at.next)
      waiters.push(at.value);
    return waiters;
  }

  select(which: (waiter: Waiter) => boolean): Waiter[] {
    return [...this.#waiters].filter(which);
  }
}

const NONE: Waiter[] = [];
