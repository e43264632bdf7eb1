/** Warns where a client would stay with a master that the sentinels have replaced. */
import type { RedisLike } from '../client/redis-client.interface.js';

interface SentinelOptions {
  readonly sentinels?: readonly unknown[] | null;
  readonly failoverDetector?: unknown;
}

/**
 * A master that was paused or cut off goes on for some seconds when it is back, until the sentinels have made a replica of
 * it. A client that is still connected to it takes locks there, beside those of the new master.
 */
export function checkFailover(client: RedisLike, warn: (message: string) => void): void {
  const { sentinels, failoverDetector } = client.options as SentinelOptions;
  if (!sentinels || failoverDetector) return;
  warn(
    'The client given as "redis" asks sentinels for its master, without "failoverDetector": after a fail-over it may stay ' +
      'with the old master, and take locks that others hold on the new one. Make it with { failoverDetector: true }. ' +
      'Or configure the Redis servers with "min-replicas-to-write 1": then this warning has no meaning.',
  );
}
