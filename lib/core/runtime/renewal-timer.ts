/** One timer for all leases of a session: for renewals, for ends of leases, and for alarms. */
import type { Alarm, AlarmTimer } from '../time/alarm.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';

export interface Renewable {
  readonly key: string;
  readonly token: string;
  /** When `due` must be called next, on the monotonic clock. `Infinity` for never. Read anew each time. */
  dueAt(): number;
  /** @param readUntil what was due by then may be decided: see `Clock.schedule`. */
  due(readUntil: number): void;
  /** The store answers again: a renewal is tried as soon as possible. */
  renewSoon(): void;
  /** The lease is said to have been released by force: it is checked at once. Resolves to whether it is held after all. */
  heldAfterAll(): Promise<boolean>;
  /** The node in the list of the renewal timer. */
  node: ListNode<Renewable> | undefined;
}

/** The shortest time between two runs of the timer, in ms. Many leases then share one run. */
const LEAST_INTERVAL = 5;

export class RenewalTimer {
  readonly #renewables = new LinkedList<Renewable>();
  readonly #alarm: Alarm;

  constructor(timer: AlarmTimer) {
    this.#alarm = timer.alarm((readUntil) => this.#fire(readUntil));
  }

  add(renewable: Renewable): void {
    renewable.node = this.#renewables.push(renewable);
    this.touch(renewable);
  }

  remove(renewable: Renewable): void {
    if (renewable.node !== undefined) this.#renewables.remove(renewable.node);
    if (this.#renewables.size === 0) this.#alarm.clear();
  }

  /** Must be called when `dueAt` may have become earlier. */
  touch(renewable: Renewable): void {
    if (renewable.node?.listed === true) this.#alarm.set(renewable.dueAt());
  }

  /** Whether a lease with this token is in use. */
  holds(token: string): boolean {
    for (const renewable of this.#renewables) if (renewable.token === token) return true;
    return false;
  }

  *[Symbol.iterator](): Iterator<Renewable> {
    yield* this.#renewables;
  }

  #fire(readUntil: number): void {
    let next = Infinity;
    for (const renewable of [...this.#renewables]) {
      if (renewable.dueAt() <= readUntil) renewable.due(readUntil);
      if (renewable.node?.listed === true) next = Math.min(next, renewable.dueAt());
    }
    this.#alarm.set(Math.max(next, readUntil + LEAST_INTERVAL));
  }
}
