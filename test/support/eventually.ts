/** Waits for a condition with a bound, in place of a sleep of a guessed length. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Retries `fn` until it neither throws nor rejects, and returns its result. After `within` ms it fails with the last
 * error. Each try has the same bound, so that a command that hangs does not exceed it.
 */
export async function eventually<T>(
  fn: () => T | PromiseLike<T>,
  { within = 15_000, every = 5 }: { within?: number; every?: number } = {},
): Promise<T> {
  const end = performance.now() + within;
  for (;;) {
    try {
      return await bounded(fn, end - performance.now());
    } catch (error) {
      if (performance.now() + every >= end) throw error;
    }
    await pause(every);
  }
}

/** As {@link eventually}, until a predicate is true. */
export function eventuallyTrue(
  predicate: () => boolean | PromiseLike<boolean>,
  options: { within?: number; every?: number } = {},
): Promise<void> {
  return eventually(async () => {
    if (!(await predicate())) throw new Error(`Not true in time: ${predicate.toString()}`);
  }, options);
}

async function bounded<T>(fn: () => T | PromiseLike<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Did not settle in time: ${fn.toString()}`)), Math.max(0, ms));
  });
  try {
    return await Promise.race([(async () => fn())(), late]);
  } finally {
    clearTimeout(timer);
  }
}
