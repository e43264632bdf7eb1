/** One caller's wait for a section: ends by a grant, a refusal, its deadline or its signal. */
import { LockAbortedError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Clock, Timer } from './clock.js';
import type { Section } from './section.js';
import type { Place } from './wait-list.js';

export interface WaiterSettings {
  readonly key: string;
  readonly clock: Clock;
  /** Callers of a key are numbered in order of arrival. */
  readonly number: number;
  readonly options: ResolvedAcquire;
  /** How long it waits, in ms. */
  readonly wait: number;
  /** The deadline came: the waiter asks what to do. It is not settled yet. */
  readonly onDeadline: (waiter: Waiter) => void;
  /** It was settled without a section: its place must go. */
  readonly onLeave: (waiter: Waiter) => void;
}

export class Waiter {
  readonly promise: Promise<Section>;
  readonly options: ResolvedAcquire;
  readonly number: number;
  readonly since: number;
  /** Where it stands in line. */
  place: Place<Waiter> | undefined;
  readonly #settings: WaiterSettings;
  #timer: Timer;
  #resolve!: (section: Section) => void;
  #reject!: (error: unknown) => void;
  #settled = false;

  constructor(settings: WaiterSettings) {
    this.#settings = settings;
    this.options = settings.options;
    this.number = settings.number;
    this.since = settings.clock.monotonic();
    this.promise = new Promise<Section>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = this.#deadlineIn(settings.wait);
    this.options.signal?.addEventListener('abort', this.#onAbort);
  }

  get waited(): number {
    return this.#settings.clock.monotonic() - this.since;
  }

  /** Moves the deadline to `ms` from now. */
  postpone(ms: number): void {
    this.#timer.cancel();
    this.#timer = this.#deadlineIn(ms);
  }

  /** The line has taken it off already. */
  grant(section: Section): void {
    if (this.#settle()) this.#resolve(section);
  }

  refuse(error: unknown): void {
    if (!this.#settle()) return;
    this.#reject(error);
    this.#settings.onLeave(this);
  }

  readonly #onAbort = (): void => {
    this.refuse(new LockAbortedError(this.#settings.key, this.waited, this.options.signal?.reason));
  };

  #deadlineIn(ms: number): Timer {
    return this.#settings.clock.schedule(() => this.#settings.onDeadline(this), ms);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer.cancel();
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
