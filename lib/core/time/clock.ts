/** The clock, which is injected wherever time decides anything. */
import { runOutside } from './outside.js';

export interface Clock {
  /** Milliseconds that only grow. They may stand still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since 1970. They may jump. */
  wall(): number;
  /**
   * Calls back once, outside of any caller's async context. The timer never keeps the process alive. The callback may
   * decide that a wait is over, that a lease has ended, or that a reply is overdue. So it is called only after everything
   * was read that had arrived when the timer was due.
   *
   * The callback gets `readUntil`, on the monotonic clock: everything that had arrived by then was read. What was due by
   * then may be decided. The reply to what fell due later may lie in a socket that was not read yet.
   */
  schedule(callback: (readUntil?: number) => void, delay: number): Timer;
}

export interface Timer {
  cancel(): void;
  /**
   * Whether the timer may stay set while nothing needs it. If so, the next use costs no new timer. A timer without this
   * property is cancelled at once.
   */
  readonly mayRest?: boolean;
}

/** The timers of this process, even if a test replaces them later. */
const processTimeout = setTimeout;

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule: (callback, delay) => runOutside(() => new SystemTimer(callback, delay)),
};

/**
 * Node runs timers before it reads sockets. After a long computation every timer is due, while the replies lie unread. In
 * one round of the event loop, the sockets are read between the timers and the immediates.
 */
class SystemTimer implements Timer {
  readonly #timer: NodeJS.Timeout;
  readonly #ofProcess = setTimeout === processTimeout;
  #reading: NodeJS.Immediate | undefined;

  constructor(callback: (readUntil: number) => void, delay: number) {
    this.#timer = setTimeout(
      () => {
        const readUntil = performance.now();
        // The immediate is not unref'd: an unref'd immediate would wait for the next event.
        this.#reading = setImmediate(() => callback(readUntil));
      },
      Math.min(Math.max(0, delay), 2_147_483_647),
    );
    this.#timer.unref();
  }

  get mayRest(): boolean {
    return this.#ofProcess && setTimeout === processTimeout;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    if (this.#reading !== undefined) clearImmediate(this.#reading);
  }
}
