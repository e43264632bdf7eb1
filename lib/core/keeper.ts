/** One timer for all leases of a party: renewals, ends, alarms. */
import { Alarm } from './alarm.js';
import type { Clock } from './clock.js';
import { LinkedList, type Place } from './linked-list.js';

export interface Kept {
  readonly token: string;
  /** When `due` wants to be called, on the monotonic clock; `Infinity` for never. Asked anew at every occasion. */
  dueAt(): number;
  due(): void;
  /** The store came back: what failed should be tried now. */
  hasten(): void;
  /** Where the keeper has it. */
  place: Place<Kept> | undefined;
}

/** The timer does not fire more often than this, in ms: many leases then share a pass. */
const STRIDE = 5;

export class Keeper {
  readonly #kept = new LinkedList<Kept>();
  readonly #clock: Clock;
  readonly #alarm: Alarm;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#alarm = new Alarm(clock, () => this.#fire());
  }

  add(kept: Kept): void {
    kept.place = this.#kept.push(kept);
    this.touch(kept);
  }

  remove(kept: Kept): void {
    if (kept.place !== undefined) this.#kept.remove(kept.place);
    if (this.#kept.size === 0) this.#alarm.clear();
  }

  /** To be called when `dueAt` may have come nearer. */
  touch(kept: Kept): void {
    if (kept.place?.listed === true) this.#alarm.set(kept.dueAt());
  }

  /** Is the token that of a lease which is served? */
  holds(token: string): boolean {
    for (const kept of this.#kept) if (kept.token === token) return true;
    return false;
  }

  *[Symbol.iterator](): Iterator<Kept> {
    yield* this.#kept;
  }

  #fire(): void {
    const now = this.#clock.monotonic();
    let next = Infinity;
    for (const kept of [...this.#kept]) {
      // In this order: what is due by a clock that goes on meanwhile is due "now", and never before it.
      if (kept.dueAt() <= this.#clock.monotonic()) kept.due();
      if (kept.place?.listed === true) next = Math.min(next, kept.dueAt());
    }
    this.#alarm.set(Math.max(next, now + STRIDE));
  }
}
