/** The monotonic clock of the machine, in ms, so that times of several processes can be compared. */

/**
 * `performance.now()` counts from the start of its process. A delay between the two readings makes this too small,
 * never too large.
 */
const origin = Math.max(
  ...Array.from({ length: 50 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
);

export function sharedNow(): number {
  return origin + performance.now();
}
