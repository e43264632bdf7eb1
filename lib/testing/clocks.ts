/** The two clocks of the test kit: one that no fake timers move, and one that goes by them. */
import { File } from 'node:buffer';
import { Socket } from 'node:net';
import type { Clock, Timer } from '../core/time/clock.js';

/** In ms: longer ones are not to be had in Node. */
const LONGEST = 2_147_483_647;

const uptime = process.uptime.bind(process);

/** The real time since 1970 when the process started, in ms. `Date` may be a fake already; Node's own notes are not. */
const started = new File([], '').lastModified - uptime() * 1000;

/**
 * Real time, whatever a test does to its timers, its `Date` and its `performance`, before this was imported or afterwards.
 * Fake timers replace what Node exports, in its modules too. They do not replace what Node itself uses: the process's
 * uptime, and the idle time-out of sockets, which needs no connection and keeps no process alive.
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
    socket.setTimeout(Math.min(Math.max(1, delay), LONGEST));
    return {
      cancel() {
        socket.setTimeout(0);
        socket.removeAllListeners('timeout');
      },
    };
  },
};

/** The timers of the moment: fake ones, where a test has installed them. Each is read at its use. */
export const timersClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule(callback, delay): Timer {
    const timer = setTimeout(callback, Math.min(Math.max(0, delay), LONGEST)) as NodeJS.Timeout | number;
    // Those of some fakes are numbers.
    if (typeof timer === 'object') timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after so long, in real time. */
export function realPause(ms: number): Promise<void> {
  return new Promise((resolve) => realClock.schedule(() => resolve(), ms));
}
