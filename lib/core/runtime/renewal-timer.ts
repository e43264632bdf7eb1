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
  hasten(): void;
  /** Where the renewal timer has it. */
  node: ListNode<Renewable> | undefined;
}

/** The timer does not fire more often than this, in ms: many leases then share a pass. */
const STRIDE = 5;

export class RenewalTimer {
  readonly #kept = new LinkedList<Renewable>();
  readonly #alarm: Alarm;

  constructor(clock: Clock) {
    this.#alarm = new Alarm(clock, (readUntil) => this.#fire(readUntil));
  }

  add(kept: Renewable): void {
    kept.node = this.#kept.push(kept);
    this.touch(kept);
  }

  remove(kept: Renewable): void {
    if (kept.node !== undefined) this.#kept.remove(kept.node);
    if (this.#kept.size === 0) this.#alarm.clear();
  }

  /** To be called when `dueAt` may have come nearer. */
  touch(kept: Renewable): void {
    if (kept.node?.listed === true) this.#alarm.set(kept.dueAt());
  }

  /** Is the token that of a lease which is served? */
  holds(token: string): boolean {
    for (const kept of this.#kept) if (kept.token === token) return true;
    return false;
  }

  *[Symbol.iterator](): Iterator<Renewable> {
    yield* this.#kept;
  }

  #fire(readUntil: number): void {
    let next = Infinity;
    for (const kept of [...this.#kept]) {
      if (kept.dueAt() <= readUntil) kept.due(readUntil);
      if (kept.node?.listed === true) next = Math.min(next, kept.dueAt());
    }
    this.#alarm.set(Math.max(next, readUntil + STRIDE));
  }
}
