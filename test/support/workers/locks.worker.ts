/** A process that acquires and releases locks on demand and reports its locks. Tests pause and kill it. */
import type { AcquireOptions } from '../../../lib/core/options/acquire.options.js';
import type { Lock } from '../../../lib/core/contracts/lock.js';
import { serve } from '../child-worker.js';
import {
  type ClusterLocks,
  type ClusterLocksOptions,
  clusterLocksOn,
  type ClusterTarget,
} from '../cluster-locks.js';
import { type Locks, type LocksOptions, locksOn } from '../locks.js';

export type LocksHandlers = typeof handlers;

export interface Acquired {
  readonly token: string;
  readonly fence: number;
}

let locks: Locks | ClusterLocks;
const acquiring = new Map<string, Promise<Lock>>();

async function lockOf(key: string): Promise<Lock> {
  const lock = await acquiring.get(key);
  if (lock === undefined) throw new Error(`"${key}" was never requested.`);
  return lock;
}

export const handlers = serve({
  open(url: string, options: LocksOptions = {}): void {
    locks = locksOn({ url }, options);
  },
  openOnCluster(target: ClusterTarget, options: ClusterLocksOptions = {}): void {
    locks = clusterLocksOn(target, options);
  },
  /** Requests a lock in the background. */
  request(key: string, options: AcquireOptions = {}): void {
    const requested = locks.service.acquire(key, options);
    requested.catch(() => undefined); // `acquired` tells
    acquiring.set(key, requested);
  },
  /** Waits for the requested lock. */
  async acquired(key: string): Promise<Acquired> {
    const { token, fence } = await lockOf(key);
    return { token, fence };
  },
  async state(key: string): Promise<{ held: boolean; remaining: number; aborted: boolean }> {
    const lock = await lockOf(key);
    return { held: lock.held, remaining: lock.remaining, aborted: lock.signal.aborted };
  },
  async release(key: string): Promise<boolean> {
    return (await lockOf(key)).release();
  },
  /** Releases the lock and closes everything. The process then ends as soon as nothing keeps it alive. */
  async finish(key: string): Promise<boolean> {
    const released = (await lockOf(key)).release();
    await locks.close();
    process.channel?.unref();
    return released;
  },
});
