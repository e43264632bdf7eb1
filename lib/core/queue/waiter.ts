/** One caller's wait for a hold: ends by a grant, a refusal, its deadline or its signal. */
import { aroseElsewhere, LockAbortedError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { Clock, Timer } from '../time/clock.js';
import { onAbort } from '../util/shared-listeners.js';
import type { Due, DeadlineTimer } from '../runtime/deadline-timer.js';
import type { Hold } from '../holds/hold.js';
import type { ListNode } from '../util/linked-list.js';

/** The part that a caller waits at. */
export interface WaiterHost {
  readonly key: string;
  readonly clock: Clock;
  /** The timer of the deadlines. */
  readonly deadlines: DeadlineTimer;
  /** The waiter's deadline has come. The waiter is not settled yet: the host refuses it, or lets it stay. */
  waiterDue(waiter: Waiter): void;
  /** The waiter was settled without a hold, and must leave the queue. */
  waiterLeft(waiter: Waiter): void;
}

export class Waiter implements Due {
  readonly promise: Promise<Hold>;
  readonly since: number;
  /** Where it waits in the queue. */
  node: ListNode<Waiter> | undefined;
  /** Has its deadline come? It is still there only because of a reply that is awaited, which may be a grant. */
  overdue = false;
  readonly #host: WaiterHost;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #resolve!: (hold: Hold) => void;
  #reject!: (error: unknown) => void;
  #settled = false;

  /**
   * @param number callers of a key are numbered in order of arrival.
   * @param wait how long it waits, in ms; `Infinity` for no bound.
   */
  constructor(
    host: WaiterHost,
    readonly number: number,
    readonly options: ResolvedAcquire,
    wait: number,
  ) {
    this.#host = host;
    this.since = host.clock.monotonic();
    this.promise = new Promise<Hold>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (wait !== Infinity) this.#timer = host.deadlines.set(this, this.since, wait);
    const { signal } = options;
    if (signal === undefined) return;
    this.#stopListening = onAbort(signal, () =>
      this.refuse(new LockAbortedError(host.key, this.waited, signal.reason)),
    );
  }

  get waited(): number {
    return this.#host.clock.monotonic() - this.since;
  }

  /** Its deadline has come: it stays for a reply, and for `ms` at the most. */
  stayForReply(ms: number): void {
    const { clock, deadlines } = this.#host;
    this.overdue = true;
    this.#timer?.cancel();
    this.#timer = deadlines.set(this, clock.monotonic(), ms);
  }

  /** The queue has taken it off already. */
  grant(hold: Hold): void {
    if (this.#settle()) this.#resolve(hold);
  }

  refuse(error: unknown): void {
    if (!this.#settle()) return;
    aroseElsewhere(error);
    this.#reject(error);
    this.#host.waiterLeft(this);
  }

  /** Its deadline has come. */
  due(): void {
    this.#host.waiterDue(this);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#timer?.cancel();
    this.#stopListening?.();
    return true;
  }
}
