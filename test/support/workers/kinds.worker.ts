/** A process that acquires locks of each kind on demand, several of one key too, and works under many at once. */
import { setTimeout as pause } from 'node:timers/promises';
import type { UsingOptions } from '../../../lib/core/options/acquire.options.js';
import type { Lock } from '../../../lib/core/contracts/lock.js';
import { serve } from '../child-worker.js';
import { type Locks, locksOn } from '../locks.js';
import type { Acquired } from './locks.worker.js';

export type KindsHandlers = typeof handlers;

let locks: Locks;
const requested = new Map<string, Promise<Lock>>();

async function lockOf(name: string): Promise<Lock> {
  const lock = await requested.get(name);
  if (lock === undefined) throw new Error(`"${name}" was never requested.`);
  return lock;
}

export const handlers = serve({
  open(url: string): void {
    locks = locksOn({ url });
  },
  /** Requests a lock in the background. From then on the lock is called `name`. */
  request(name: string, key: string, options: UsingOptions = {}): void {
    const lock = locks.service.acquire(key, options);
    lock.catch(() => undefined); // `acquired` tells
    requested.set(name, lock);
  },
  async acquired(name: string): Promise<Acquired> {
    const { token, fence } = await lockOf(name);
    return { token, fence };
  },
  async state(name: string): Promise<{ held: boolean; aborted: boolean }> {
    const lock = await lockOf(name);
    return { held: lock.held, aborted: lock.signal.aborted };
  },
  async release(name: string): Promise<boolean> {
    return (await lockOf(name)).release();
  },
  /**
   * Runs `callers` callers of the key at once, `rounds` times each. Resolves to the number of callers that were inside
   * in all processes, counted by the server at each entry.
   */
  async work(key: string, options: UsingOptions, callers: number, rounds: number): Promise<number[]> {
    const inside: number[] = [];
    const one = async (): Promise<void> => {
      for (let i = 0; i < rounds; i += 1) {
        await locks.service.using(key, options, async () => {
          inside.push(await locks.client.incr(`inside:${key}`));
          await pause(Math.random() * 3);
          await locks.client.decr(`inside:${key}`);
        });
      }
    };
    await Promise.all(Array.from({ length: callers }, one));
    return inside;
  },
});
