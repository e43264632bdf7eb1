/** A process that takes locks of every kind on demand, several of one key too, and works under many at once. */
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
  if (lock === undefined) throw new Error(`"${name}" was never asked for.`);
  return lock;
}

export const handlers = serve({
  open(url: string): void {
    locks = locksOn({ url });
  },
  /** Requests in the background, for what is called `name` from then on. */
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
   * `callers` of the key, one after the other `rounds` times each, all at once. Resolves to how many were inside, on all
   * machines together, as each of them came in: counted by the server.
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
