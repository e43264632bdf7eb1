/** Time, injected wherever it decides anything. */
import { runOutside } from './outside.js';

export interface Clock {
  /** Milliseconds that only grow; may stand still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since 1970; may jump. */
  wall(): number;
  /** Calls back once, in no caller's async context; never keeps the process alive. */
  schedule(callback: () => void, delay: number): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule(callback, delay) {
    const timer = runOutside(() => setTimeout(callback, Math.min(Math.max(0, delay), 2_147_483_647)));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
