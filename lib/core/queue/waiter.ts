/** One caller's wait for a hold. It ends by a grant, by a refusal, at its deadline, or by its signal. */
import { aroseElsewhere, LockAbortedError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { CallSite } from '../deadlock/call-sites.js';
import type { HeldKeys } from '../deadlock/wait-for-graph.js';
import type { Clock, Timer } from '../time/clock.js';
import { onAbort } from '../util/shared-listeners.js';
import type { Due, DeadlineTimer } from '../runtime/deadline-timer.js';
import type { Hold } from '../holds/hold.js';
import type { ListNode } from '../util/linked-list.js';

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
  readonly promise: Promise<Hold>;
  readonly since: number;
  /** The waiter's node in the queue. */
  node: ListNode<Waiter> | undefined;
  /** What the caller holds meanwhile, and where it has called. Both are for the inspection of locks. */
  heldKeys: HeldKeys | undefined;
  site: CallSite | undefined;
  /** Whether the deadline has come. The waiter stays only because the reply that is awaited may be a grant. */
  overdue = false;
  readonly #host: WaiterHost;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;
  #resolve!: (hold: Hold) => void;
  #reject!: (error: unknown) => void;
  #settled = false;

  /**
   * @param number callers of a key are numbered in order of arrival.
   * @param wait how long the caller waits, in ms. `Infinity` for no limit.
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

  /** The deadline has come. The waiter stays for a reply, for at most `ms`. */
  stayForReply(ms: number): void {
    const { clock, deadlines } = this.#host;
    this.overdue = true;
    this.#timer?.cancel();
    this.#timer = deadlines.set(this, clock.monotonic(), ms);
  }

  /** The waiter must have left the queue before. */
  grant(hold: Hold): void {
    if (this.#settle()) this.#resolve(hold);
  }

  refuse(error: unknown): void {
    if (!this.#settle()) return;
    aroseElsewhere(error);
    this.#reject(error);
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
