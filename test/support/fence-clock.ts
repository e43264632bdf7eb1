/** The fence counter of a server, and the clock from which fences are drawn. */
import type { Redis } from 'ioredis';

/** The fence counter's name in Redis. */
export const FENCE_COUNTER = 'lock:~nl:f';

/** An hour in µs, the unit of fences. */
export const AN_HOUR = 3_600_000_000;

/** The server's clock, in µs. */
export async function microsecondsOf(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000_000 + Number(micros);
}

/** The expected order of fences: ascending, each once. */
export function increasing(fences: readonly number[]): number[] {
  return [...new Set(fences)].sort((a, b) => a - b);
}
