/** The callers of this process that stand in line for one key. */
import { LockQueueFullError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Clock } from './clock.js';
import { MOST_SECTIONS, type Line } from './tenure.js';
import { LinkedList } from './linked-list.js';
import { Waiter, type WaiterLine } from './waiter.js';

export interface CallerLineSettings {
  readonly key: string;
  readonly clock: Clock;
  /** `Infinity` for no bound. */
  readonly maxWaiters: number;
  readonly owner: LineOwner;
}

/** Who looks after a line. */
export interface LineOwner {
  /** A caller's time is over: it must be refused, or be given more. */
  waiterDue(waiter: Waiter): void;
  /** The last one left without a section. */
  lineEmpty(): void;
}

/** What one ask asks for. */
export interface Batch {
  /** As many callers as may be served from it. */
  readonly callers: number;
  /** The longest ttl among them, in ms. */
  readonly ttl: number;
  /** The number of the last one. */
  readonly upTo: number;
}

export class CallerLine implements Line, WaiterLine {
  readonly key: string;
  readonly clock: Clock;
  readonly #maxWaiters: number;
  readonly #owner: LineOwner;
  readonly #waiters = new LinkedList<Waiter>();
  /** Callers are numbered; those up to `#informed` know that the key is busy. */
  #arrivals = 0;
  #informed = 0;

  constructor(settings: CallerLineSettings) {
    this.key = settings.key;
    this.clock = settings.clock;
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
    waiter.place = this.#waiters.push(waiter);
    return waiter;
  }

  batch(): Batch {
    let ttl = 0;
    let callers = 0;
    let upTo = 0;
    // By hand: an iterator at each command is felt.
    for (let at = this.#waiters.head; at !== undefined && callers < MOST_SECTIONS; at = at.next) {
      ttl = Math.max(ttl, at.value.options.ttl);
      callers += 1;
      upTo = at.value.number;
    }
    return { ttl, callers: Math.max(1, callers), upTo };
  }

  /** All who stand in line know by now that the key is busy; `tell` is called for those who did not. */
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
    for (const waiter of this.#waiters) waiter.refuse(error);
  }

  /** Refuses those whom no answer has reached yet; the others keep waiting. */
  refuseUninformed(error: Error): void {
    for (const waiter of this.#waiters) if (!this.informed(waiter)) waiter.refuse(error);
  }

  waiterDue(waiter: Waiter): void {
    this.#owner.waiterDue(waiter);
  }

  waiterLeft(waiter: Waiter): void {
    if (waiter.place !== undefined) this.#waiters.remove(waiter.place);
    if (this.size === 0) this.#owner.lineEmpty();
  }
}
