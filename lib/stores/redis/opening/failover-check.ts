/** Warns if a client would stay with a master that the sentinels have replaced. */
import type { RedisLike } from '../client/redis-client.interface.js';

interface SentinelOptions {
  readonly sentinels?: readonly unknown[] | null;
  readonly failoverDetector?: unknown;
}

/**
 * A master that was paused or disconnected may be replaced meanwhile. When it is back, it still works as a master for
 * some seconds, until the sentinels make it a replica. A client that is still connected to it acquires locks there,
 * although other clients hold the same locks on the new master.
 */
export function checkFailover(client: RedisLike, warn: (message: string) => void): void {
  const { sentinels, failoverDetector } = client.options as SentinelOptions;
  if (!sentinels || failoverDetector) return;
  warn(
    'The client given as "redis" finds its master through sentinels, without "failoverDetector": after a fail-over it may ' +
      'stay with the old master, and acquire locks that others hold on the new master. Make the client with ' +
      '{ failoverDetector: true }. Or configure the Redis servers with "min-replicas-to-write 1", and ignore this warning.',
  );
}
