/** The callers of this process that wait in the queue for one key. */
import { LockQueueFullError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { Clock } from '../time/clock.js';
import { MOST_HOLDS, MOST_READERS } from './batch-limits.js';
import { LinkedList } from '../util/linked-list.js';
import type { SharedTimer } from '../runtime/deadline-timer.js';
import { EXCLUSIVE, type LockAccess, sameAccess } from '../contracts/token.js';
import { Waiter, type WaiterOwner, type WaiterSource } from './waiter.js';

export interface WaitQueueSettings {
  readonly key: string;
  readonly clock: Clock;
  readonly deadlines: SharedTimer;
  /** `Infinity` for no bound. */
  readonly maxWaiters: number;
  readonly owner: WaitQueueOwner;
}

/** Who checks after a line. */
export interface WaitQueueOwner {
  /** A caller's time is over: it must be refused, or be given more. */
  waiterDue(waiter: Waiter): void;
  /** The last one left without a hold. */
  queueEmpty(): void;
  /** The first one left without a hold, and another one is the first now. */
  queueMoved(): void;
}

/** What one request requests: a lease for the first one, and for those of the same kind who stand next to it. */
export interface NextBatch {
  /** How they share the key. */
  readonly access: LockAccess;
  /** As many callers as may be served from it. */
  readonly callers: number;
  /** The longest ttl among them, in ms. */
  readonly ttl: number;
  /** The number of the last one. */
  readonly upTo: number;
}

export class WaitQueue implements WaiterSource, WaiterOwner {
  readonly key: string;
  readonly clock: Clock;
  readonly deadlines: SharedTimer;
  readonly #maxWaiters: number;
  readonly #owner: WaitQueueOwner;
  readonly #waiters = new LinkedList<Waiter>();
  /** Callers are numbered; those up to `#informed` know that the key is busy. */
  #arrivals = 0;
  #informed = 0;
  /** May some be there whose time is over? */
  #lingering = false;
  /** Are many being refused at once? */
  #clearing = false;

  constructor(settings: WaitQueueSettings) {
    this.key = settings.key;
    this.clock = settings.clock;
    this.deadlines = settings.deadlines;
    this.#maxWaiters = settings.maxWaiters;
    this.#owner = settings.owner;
  }

  get size(): number {
    return this.#waiters.size;
  }

  get first(): Waiter | undefined {
    return this.#waiters.first;
  }

  shift(): Waiter | undefined {
    return this.#waiters.shift();
  }

  /** Returns why not, where it may not. */
  join(options: ResolvedAcquire, wait: number): Waiter | LockQueueFullError {
    if (this.size >= this.#maxWaiters) return new LockQueueFullError(this.key, this.#maxWaiters);
    const waiter = new Waiter(this, (this.#arrivals += 1), options, wait);
    waiter.node = this.#waiters.push(waiter);
    return waiter;
  }

  nextBatch(): NextBatch {
    let ttl = 0;
    let callers = 0;
    let upTo = 0;
    const access = this.first?.options.access ?? EXCLUSIVE;
    const most = access.kind === 'shared' ? MOST_READERS : MOST_HOLDS;
    // By hand: an iterator at each command is felt.
    for (let at = this.#waiters.head; at !== undefined && callers < most; at = at.next) {
      const { options, number } = at.value;
      if (!sameAccess(options.access, access)) break;
      ttl = Math.max(ttl, options.ttl);
      callers += 1;
      upTo = number;
    }
    return { access, ttl, callers: Math.max(1, callers), upTo };
  }

  /** All who wait in the queue know by now that the key is busy; `tell` is called for those who did not. */
  inform(tell?: (waiter: Waiter) => void): void {
    if (tell !== undefined) {
      const uninformed: Waiter[] = [];
      // From the end: those who do not know are the last.
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

  refuseAll(error: Error): void {
    this.#refuse(error, () => true);
  }

  /** Refuses those who waited in the queue when a request was sent whose last caller has this number. */
  refuseUpTo(number: number, error: Error): void {
    this.#refuse(error, (waiter) => waiter.number <= number);
  }

  /** Refuses those whom no answer has reached yet, and those whose time is over; the others keep waiting. */
  refuseUninformed(error: Error): void {
    this.#refuse(error, (waiter) => waiter.overdue || !this.informed(waiter));
  }

  /** The time of a caller is over, and a reply is awaited that may be a grant: it stays for that, for `ms` at the most. */
  linger(waiter: Waiter, ms: number): void {
    waiter.linger(ms);
    this.#lingering = true;
  }

  /** Refuses those whose time is over: the reply has come, and is no grant for them. */
  refuseOverdue(errorFor: (waiter: Waiter) => Error): void {
    if (!this.#lingering) return;
    this.#lingering = false;
    this.#refuse(errorFor, (waiter) => waiter.overdue);
  }

  #refuse(error: Error | ((waiter: Waiter) => Error), whom: (waiter: Waiter) => boolean): void {
    const { first } = this;
    this.#clearing = true;
    for (const waiter of this.#waiters) {
      if (whom(waiter)) waiter.refuse(typeof error === 'function' ? error(waiter) : error);
    }
    this.#clearing = false;
    if (this.size > 0 && this.first !== first) this.#owner.queueMoved();
  }

  waiterDue(waiter: Waiter): void {
    this.#owner.waiterDue(waiter);
  }

  waiterLeft(waiter: Waiter): void {
    const first = this.first === waiter;
    if (waiter.node !== undefined) this.#waiters.remove(waiter.node);
    if (this.size === 0) this.#owner.queueEmpty();
    else if (first && !this.#clearing) this.#owner.queueMoved();
  }
}
