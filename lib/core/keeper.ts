/** One timer for all leases of a party: renewals, ends, alarms. */
import { Alarm } from './alarm.js';
import type { Clock } from './clock.js';
import { LinkedList, type Place } from './linked-list.js';

export interface Kept {
  readonly token: string;
  /** When `due` wants to be called, on the monotonic clock; `Infinity` for never. Asked anew at every occasion. */
  dueAt(): number;
  /** @param readUntil what was due by then may be judged: see {@link Clock.schedule}. */
  due(readUntil: number): void;
  /** The store came back: what failed should be tried now. */
  hasten(): void;
  /** Where the keeper has it. */
  place: Place<Kept> | undefined;
}

/** The timer does not fire more often than this, in ms: many leases then share a pass. */
const STRIDE = 5;

export class Keeper {
  readonly #kept = new LinkedList<Kept>();
  readonly #alarm: Alarm;

  constructor(clock: Clock) {
    this.#alarm = new Alarm(clock, (readUntil) => this.#fire(readUntil));
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

  #fire(readUntil: number): void {
    let next = Infinity;
    for (const kept of [...this.#kept]) {
      if (kept.dueAt() <= readUntil) kept.due(readUntil);
      if (kept.place?.listed === true) next = Math.min(next, kept.dueAt());
    }
    this.#alarm.set(Math.max(next, readUntil + STRIDE));
  }
}
