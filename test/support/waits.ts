/** How long waits last, and how long the design lets them last. */
import { setImmediate } from 'node:timers/promises';
import type { Locks } from './locks.js';

/** What a machine under load may add to any wait, in ms. What the waits would be without the design is longer still. */
export const LOADED = 2_500;

/** The longest time between two checks of a process while `n` queue, in ms: a second for each, and a fifth of jitter. */
export function check(n: number): number {
  return 1_200 * Math.min(n, 10);
}

/** Awaits it, and tells how long that took, in ms. */
export async function timed<T>(
  wait: PromiseLike<T>,
): Promise<{ readonly value: T; readonly waited: number }> {
  const since = performance.now();
  const value = await wait;
  return { value, waited: performance.now() - since };
}

/**
 * Resolves when its commands have been answered, and those that followed from the answers: who has just subscribed checks
 * once more, and must not be mistaken for one that was told.
 */
export async function answered({ client }: Pick<Locks, 'client'>): Promise<void> {
  for (let i = 0; i < 3; i += 1) {
    await client.ping();
    await setImmediate();
  }
}
