/** Whether too many hold a semaphore at the same time. */

/**
 * Each holder was let in while fewer holders than its own limit had the key. So in any order of arrival, at most n of
 * the holders have a limit of n or less.
 */
export function isCrowded(limits: readonly number[]): boolean {
  return [...limits].sort((a, b) => a - b).some((limit, before) => limit <= before);
}
