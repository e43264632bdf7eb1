/** The length of waits, and the bounds that the design sets. */
import { setImmediate } from 'node:timers/promises';
import { eventually } from './eventually.js';
import type { Locks } from './locks.js';

/**
 * The time that a machine under load may add to a wait, in ms. Without the design the waits would be longer than the
 * bounds.
 */
export const LOADED = 2_500;

/**
 * The longest time between two checks of a process while `n` processes queue, in ms: a second for each, and a fifth of
 * jitter.
 */
export function check(n: number): number {
  return 1_200 * Math.min(n, 10);
}

/** Awaits a promise and measures the wait, in ms. */
export async function timed<T>(
  wait: PromiseLike<T>,
): Promise<{ readonly value: T; readonly waited: number }> {
  const since = performance.now();
  const value = await wait;
  return { value, waited: performance.now() - since };
}

/**
 * Resolves when the commands of the locks have their replies, and commands that follow from these replies too. A
 * process that has just subscribed checks once more. A test must not mistake this check for the effect of a message.
 */
export async function answered({ client }: Pick<Locks, 'client'>): Promise<void> {
  for (let i = 0; i < 3; i += 1) {
    await client.ping();
    await setImmediate();
  }
}

/** Resolves when the locks are connected. On a machine under load, that alone may take longer than a short commandTimeout. */
export async function connected({ client }: Pick<Locks, 'client'>): Promise<void> {
  await eventually(() => client.ping());
}
