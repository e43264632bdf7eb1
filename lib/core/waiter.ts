/** One caller's wait for a section: ends by a grant, a refusal, its deadline or its signal. */
import { aroseElsewhere, LockAbortedError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Clock, Timer } from './clock.js';
import { onAbort } from './shared-listeners.js';
import type { Due, SharedTimer } from './shared-timer.js';
import type { Section } from './section.js';
import type { Place } from './linked-list.js';

/** Where a waiter stands. */
export interface WaiterLine {
  readonly key: string;
  readonly clock: Clock;
  /** Of the deadlines. */
  readonly deadlines: SharedTimer;
  /** The deadline came: the waiter asks what to do. It is not settled yet. */
  waiterDue(waiter: Waiter): void;
  /** It was settled without a section: its place must go. */
  waiterLeft(waiter: Waiter): void;
}

export class Waiter implements Due {
  readonly promise: Promise<Section>;
  readonly since: number;
  /** Where it stands in line. */
  place: Place<Waiter> | undefined;
  /** Has its deadline come? It is still there only because of a reply that is awaited, which may be a grant. */
  overdue = false;
  readonly #line: WaiterLine;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #resolve!: (section: Section) => void;
  #reject!: (error: unknown) => void;
  #settled = false;

  /**
   * @param number callers of a key are numbered in order of arrival.
   * @param wait how long it waits, in ms; `Infinity` for no bound.
   */
  constructor(
    line: WaiterLine,
    readonly number: number,
    readonly options: ResolvedAcquire,
    wait: number,
  ) {
    this.#line = line;
    this.since = line.clock.monotonic();
    this.promise = new Promise<Section>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (wait !== Infinity) this.#timer = line.deadlines.set(this, this.since, wait);
    const { signal } = options;
    if (signal === undefined) return;
    this.#stopListening = onAbort(signal, () =>
      this.refuse(new LockAbortedError(line.key, this.waited, signal.reason)),
    );
  }

  get waited(): number {
    return this.#line.clock.monotonic() - this.since;
  }

  /** Its deadline has come: it stays for a reply, and for `ms` at the most. */
  linger(ms: number): void {
    const { clock, deadlines } = this.#line;
    this.overdue = true;
    this.#timer?.cancel();
    this.#timer = deadlines.set(this, clock.monotonic(), ms);
  }

  /** The line has taken it off already. */
  grant(section: Section): void {
    if (this.#settle()) this.#resolve(section);
  }

  refuse(error: unknown): void {
    if (!this.#settle()) return;
    aroseElsewhere(error);
    this.#reject(error);
    this.#line.waiterLeft(this);
  }

  /** Its deadline has come. */
  due(): void {
    this.#line.waiterDue(this);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer?.cancel();
    this.#stopListening?.();
    return true;
  }
}
