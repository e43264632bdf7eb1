/** One timer for all leases of a session: renewals, ends, alarms. */
import { Alarm } from '../time/alarm.js';
import type { Clock } from '../time/clock.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';

export interface Renewable {
  readonly token: string;
  /** When `due` wants to be called, on the monotonic clock; `Infinity` for never. Requested anew at every occasion. */
  dueAt(): number;
  /** @param readUntil what was due by then may be judged: see {@link Clock.schedule}. */
  due(readUntil: number): void;
  /** The store came back: what failed should be tried now. */
  renewSoon(): void;
  /** Where the renewal timer has it. */
  node: ListNode<Renewable> | undefined;
}

/** The timer does not fire more often than this, in ms: many leases then share a pass. */
const LEAST_INTERVAL = 5;

export class RenewalTimer {
  readonly #renewables = new LinkedList<Renewable>();
  readonly #alarm: Alarm;

  constructor(clock: Clock) {
    this.#alarm = new Alarm(clock, (readUntil) => this.#fire(readUntil));
  }

  add(renewable: Renewable): void {
    renewable.node = this.#renewables.push(renewable);
    this.touch(renewable);
  }

  remove(renewable: Renewable): void {
    if (renewable.node !== undefined) this.#renewables.remove(renewable.node);
    if (this.#renewables.size === 0) this.#alarm.clear();
  }

  /** To be called when `dueAt` may have come nearer. */
  touch(renewable: Renewable): void {
    if (renewable.node?.listed === true) this.#alarm.set(renewable.dueAt());
  }

  /** Is the token that of a lease which is served? */
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
