/** The callers of this process that stand in line for one key. */
import { LockQueueFullError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Clock } from './clock.js';
import { MOST_SECTIONS, type Line } from './tenure.js';
import { WaitList } from './wait-list.js';
import { Waiter } from './waiter.js';

export interface CallerLineSettings {
  readonly key: string;
  readonly clock: Clock;
  /** `Infinity` for no bound. */
  readonly maxWaiters: number;
  /** A caller's time is over: somebody must refuse it, or give it more. */
  readonly onDeadline: (waiter: Waiter) => void;
  /** The last one left without a section. */
  readonly onEmpty: () => void;
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

export class CallerLine implements Line {
  readonly #settings: CallerLineSettings;
  readonly #waiters = new WaitList<Waiter>();
  /** Callers are numbered; those up to `#informed` know that the key is busy. */
  #arrivals = 0;
  #informed = 0;

  constructor(settings: CallerLineSettings) {
    this.#settings = settings;
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

  /** @throws LockQueueFullError */
  join(options: ResolvedAcquire, wait: number): Waiter {
    const { key, clock, maxWaiters, onDeadline } = this.#settings;
    if (this.size >= maxWaiters) throw new LockQueueFullError(key, maxWaiters);
    const number = (this.#arrivals += 1);
    const onLeave = (waiter: Waiter): void => this.#onLeave(waiter);
    const waiter = new Waiter({ key, clock, number, options, wait, onDeadline, onLeave });
    waiter.place = this.#waiters.push(waiter);
    return waiter;
  }

  batch(): Batch {
    let ttl = 0;
    let callers = 0;
    let upTo = 0;
    for (const waiter of this.#waiters) {
      ttl = Math.max(ttl, waiter.options.ttl);
      callers += 1;
      upTo = waiter.number;
      if (callers === MOST_SECTIONS) break;
    }
    return { ttl, callers: Math.max(1, callers), upTo };
  }

  /** All who stand in line know by now that the key is busy; `tell` is called for those who did not. */
  inform(tell?: (waiter: Waiter) => void): void {
    if (tell !== undefined) {
      for (const waiter of this.#waiters) if (!this.informed(waiter)) tell(waiter);
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

  #onLeave(waiter: Waiter): void {
    if (waiter.place !== undefined) this.#waiters.remove(waiter.place);
    if (this.size === 0) this.#settings.onEmpty();
  }
}
