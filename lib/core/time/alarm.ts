/** One timer of the clock for several alarms: it is set for the earliest of the times that they are set for. */
import type { Clock, Timer } from './clock.js';

/**
 * Most alarms are cleared before their time, and another one is set just before that. So one timer serves many of them:
 * it is neither moved to a later time, nor cancelled while another alarm is set. If the clock lets it, the timer even
 * stays set while no alarm is: a lone caller would set and cancel a timer for each lock.
 */
export class AlarmTimer {
  readonly #clock: Clock;
  readonly #alarms: Alarm[] = [];
  #timer: Timer | undefined;
  #at = Infinity;
  /** Whether the timer is set although no alarm is. */
  #rests = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param ring is called at the time, as {@link Clock.schedule} calls back. The alarm is not set any more by then. */
  alarm(ring: (readUntil: number) => void): Alarm {
    const alarm = new Alarm(this, ring);
    this.#alarms.push(alarm);
    return alarm;
  }

  /** @internal An alarm was set for this time. */
  reach(at: number): void {
    if (this.#rests) this.#wake();
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#clock.schedule(
      (readUntil = this.#clock.monotonic()) => this.#fire(readUntil),
      at - this.#clock.monotonic(),
    );
  }

  /** @internal An alarm was cleared. */
  cleared(): void {
    for (const { at } of this.#alarms) if (at !== Infinity) return;
    if (this.#timer?.mayRest === true) this.#rests = true;
    else this.#cancel();
  }

  /** No alarm will be set any more. */
  end(): void {
    if (this.#rests) this.#cancel();
  }

  /** Fake timers may stand in place of the real ones by now. They do not move a timer that rested meanwhile. */
  #wake(): void {
    this.#rests = false;
    if (this.#timer?.mayRest !== true) this.#cancel();
  }

  #cancel(): void {
    this.#rests = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #fire(readUntil: number): void {
    this.#rests = false;
    this.#timer = undefined;
    this.#at = Infinity;
    const due = this.#alarms.filter(({ at }) => at <= readUntil).sort((a, b) => a.at - b.at);
    try {
      for (const alarm of due) alarm.ring(readUntil);
    } finally {
      for (const { at } of this.#alarms) if (at !== Infinity) this.reach(at);
    }
  }
}

export class Alarm {
  readonly #timer: AlarmTimer;
  readonly #ring: (readUntil: number) => void;
  /** The time for which the alarm is set, on the monotonic clock. `Infinity` if it is not set. */
  at = Infinity;

  constructor(timer: AlarmTimer, ring: (readUntil: number) => void) {
    this.#timer = timer;
    this.#ring = ring;
  }

  /** Rings at this time on the monotonic clock, unless the alarm is set for an earlier time. `Infinity` for never. */
  set(at: number): void {
    if (at >= this.at) return;
    this.at = at;
    this.#timer.reach(at);
  }

  clear(): void {
    if (this.at === Infinity) return;
    this.at = Infinity;
    this.#timer.cleared();
  }

  /** @internal */
  ring(readUntil: number): void {
    this.at = Infinity;
    this.#ring(readUntil);
  }
}
