/** The two clocks of the test kit. Fake timers never move the first one, and always move the second one. */
import { File } from 'node:buffer';
import { Socket } from 'node:net';
import type { Clock, Timer } from '../core/time/clock.js';

/** The longest delay of a timer in Node, in ms. */
const LONGEST_DELAY = 2_147_483_647;

const uptime = process.uptime.bind(process);

/**
 * The real time at which the process started, in ms since 1970. `Date` may be a fake already, so the time is taken from
 * a `File`, which Node itself stamps.
 */
const started = new File([], '').lastModified - uptime() * 1000;

/**
 * Real time, even if a test replaces timers, `Date` and `performance`, before or after the import of this module. Fake
 * timers replace the functions that Node exports, also in its modules. They do not replace what Node uses itself:
 * the uptime of the process, and the idle time-out of sockets. This time-out needs no connection and keeps no process
 * alive.
 */
export const realClock: Clock = {
  monotonic: () => uptime() * 1000,
  wall: () => started + uptime() * 1000,
  schedule(callback, delay): Timer {
    const socket = new Socket();
    socket.once('timeout', () => {
      socket.setTimeout(0);
      callback();
    });
    socket.setTimeout(Math.min(Math.max(1, delay), LONGEST_DELAY));
    return {
      cancel() {
        socket.setTimeout(0);
        socket.removeAllListeners('timeout');
      },
    };
  },
};

/** The present timers: fake timers, if a test has installed them. Each function is read when it is used. */
export const timersClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule(callback, delay): Timer {
    const timer = setTimeout(callback, Math.min(Math.max(0, delay), LONGEST_DELAY)) as
      NodeJS.Timeout | number;
    // The timers of some fakes are numbers.
    if (typeof timer === 'object') timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `ms` milliseconds of real time. */
export function realPause(ms: number): Promise<void> {
  return new Promise((resolve) => realClock.schedule(() => resolve(), ms));
}
