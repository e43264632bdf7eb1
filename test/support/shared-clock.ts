/** The machine's monotonic clock, in ms: times of several processes can be compared. */

/** `performance.now()` counts from its process's own start. A reading in between makes this too small, never too large. */
const origin = Math.max(
  ...Array.from({ length: 50 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
);

export function sharedNow(): number {
  return origin + performance.now();
}
