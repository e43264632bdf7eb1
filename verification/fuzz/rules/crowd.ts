/** How many may hold a semaphore at once. */

/**
 * Each was let in while fewer than its own limit held the key. So whatever the order in which they came, of those who hold
 * it at once no more than n have a limit of n or less.
 */
export function isCrowded(limits: readonly number[]): boolean {
  return [...limits].sort((a, b) => a - b).some((limit, before) => limit <= before);
}
