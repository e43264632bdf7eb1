/** Installs fake timers in the global realm before it imports the test kit, and then advances them. */
import { createRequire } from 'node:module';
import { mock } from 'node:test';
import { serve } from '../child-worker.js';

export type FakesHandlers = typeof handlers;

interface Report {
  /** Whether the lock is held after an hour of the fake timers in one jump. */
  readonly heldAfterJump: boolean;
  /** Whether a lease of 60 ms without renewal has ended, in real time. */
  readonly endsByItself: boolean;
  /** Whether a waiter got the key by a hand-off. */
  readonly handOff: boolean;
}

async function report(jump: () => void): Promise<Report> {
  const { memoryLocks, LockControls } = await import('../../../lib/testing/index.js');
  const controls = new LockControls();
  const locks = memoryLocks(controls);
  const lock = await locks.acquire('a');
  const short = await locks.acquire('b', { ttl: 60, renew: false });
  const ended = new Promise<void>((resolve) => short.signal.addEventListener('abort', () => resolve()));
  const waiting = locks.acquire('a');
  jump();
  const heldAfterJump = lock.held;
  await ended;
  await lock.release();
  const next = await waiting;
  return { heldAfterJump, endsByItself: !short.held, handOff: next.held };
}

export const handlers = serve({
  /** The fake timers of jest and of vitest. */
  async sinon(): Promise<Report> {
    const require = createRequire(import.meta.url);
    const jest = createRequire(require.resolve('@jest/fake-timers'));
    const { install } = jest('@sinonjs/fake-timers') as {
      install(): { tick(ms: number): void; setSystemTime(time: number): void; uninstall(): void };
    };
    const clock = install();
    try {
      return await report(() => {
        clock.tick(46_000);
        clock.setSystemTime(Date.now() + 3_600_000);
      });
    } finally {
      clock.uninstall();
    }
  },
  /** The fake timers of node:test. */
  async node(): Promise<Report> {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
    try {
      return await report(() => mock.timers.tick(3_600_000));
    } finally {
      mock.timers.reset();
    }
  },
});
