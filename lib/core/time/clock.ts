/** Time, injected wherever it decides anything. */
import { runOutside } from './outside.js';

export interface Clock {
  /** Milliseconds that only grow; may stand still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since 1970; may jump. */
  wall(): number;
  /**
   * Calls back once, in no caller's async context; never keeps the process alive. The callback may be a verdict: a wait is over, a lease has ended, a
   * reply is overdue. So it comes only after everything was read that had arrived when the timer was due.
   *
   * The callback gets the time on the monotonic clock up to which that is so. What is due by then may be judged. What
   * fell due since then may have its answer in a socket that nobody has read yet.
   */
  schedule(callback: (readUntil?: number) => void, delay: number): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule: (callback, delay) => runOutside(() => new SystemTimer(callback, delay)),
};

/**
 * Node runs timers before it reads sockets: after a long computation every timer is due, while the answers lie unread. The
 * sockets are read between the timers and the immediates of one round of the event loop.
 */
class SystemTimer implements Timer {
  readonly #timer: NodeJS.Timeout;
  #reading: NodeJS.Immediate | undefined;

  constructor(callback: (readUntil: number) => void, delay: number) {
    this.#timer = setTimeout(
      () => {
        const readUntil = performance.now();
        // It is not unref'd: an immediate that is would wait for the next event.
        this.#reading = setImmediate(() => callback(readUntil));
      },
      Math.min(Math.max(0, delay), 2_147_483_647),
    );
    this.#timer.unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    if (this.#reading !== undefined) clearImmediate(this.#reading);
  }
}
