/** Work that two calls may run one after the other only. */
import { expect } from '@jest/globals';

let running = 0;
let most = 0;

/** Work during which another call could begin. */
export async function work(): Promise<void> {
  running += 1;
  most = Math.max(most, running);
  await new Promise((resolve) => setImmediate(resolve));
  running -= 1;
}

/** Makes two calls of {@link work} at once, and expects that the second began when the first had ended. */
export async function expectExclusion(
  first: () => Promise<unknown>,
  second: () => Promise<unknown>,
): Promise<void> {
  running = 0;
  most = 0;
  await Promise.all([first(), second()]);
  expect(most).toBe(1);
}
