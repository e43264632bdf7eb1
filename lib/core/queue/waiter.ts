/** One caller's wait for a hold. It ends by a grant, by a refusal, at its deadline, or by its signal. */
import { aroseElsewhere, LockAbortedError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { Clock, Timer } from '../time/clock.js';
import { onAbort } from '../util/shared-listeners.js';
import type { Due, DeadlineTimer } from '../runtime/deadline-timer.js';
import type { Hold } from '../holds/hold.js';
import type { ListNode } from '../util/linked-list.js';
import type { Caller } from './caller.js';

/** The owner of the queue that a caller waits in. */
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
  /** Of what the caller makes of its hold. */
  readonly promise: Promise<unknown>;
  readonly options: ResolvedAcquire;
  /** The waiter's node in the queue. */
  node: ListNode<Waiter> | undefined;
  /** Whether the deadline has come. The waiter stays only because the reply that is awaited may be a grant. */
  overdue = false;
  readonly #host: WaiterHost;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #resolve!: (result: unknown) => void;
  #settled = false;

  /**
   * @param number callers of a key are numbered in order of arrival.
   * @param wait how long the caller waits, in ms. `Infinity` for no limit.
   */
  constructor(
    host: WaiterHost,
    readonly number: number,
    readonly caller: Caller<unknown>,
    wait: number,
  ) {
    this.#host = host;
    this.options = caller.options;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (wait !== Infinity) this.#timer = host.deadlines.set(this, caller.since, wait);
    const { signal } = caller.options;
    if (signal === undefined) return;
    this.#stopListening = onAbort(signal, () =>
      this.refuse(new LockAbortedError(host.key, this.waited, signal.reason)),
    );
  }

  get waited(): number {
    return this.#host.clock.monotonic() - this.caller.since;
  }

  /** The deadline has come. The waiter stays for a reply, for at most `ms`. */
  stayForReply(ms: number): void {
    const { clock, deadlines } = this.#host;
    this.overdue = true;
    this.#timer?.cancel();
    this.#timer = deadlines.set(this, clock.monotonic(), ms);
  }

  /** The waiter must have left the queue before. */
  grant(hold: Hold): void {
    if (this.#settle()) this.#resolve(this.caller.granted(hold));
  }

  refuse(error: unknown): void {
    if (!this.#settle()) return;
    aroseElsewhere(error);
    this.#resolve(this.caller.rejected(error));
    this.#host.waiterLeft(this);
  }

  /** The deadline has come. */
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
