/** A LockService on a Redis Cluster, without Nest. */
import { Cluster as Cluster6, type ClusterOptions } from 'ioredis';
import { Cluster as Cluster5, type ClusterOptions as ClusterOptions5 } from 'ioredis5';
import type { ClusterLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { type Locks, type LocksOptions, locksWith } from './locks.js';

export interface ClusterLocksOptions extends Omit<LocksOptions, 'redis'> {
  /** The major version of ioredis. Default: 6. */
  readonly ioredis?: 5 | 6;
  readonly cluster?: ClusterOptions;
}

export type ClusterLocks = Locks<ClusterLike>;

export interface ClusterTarget {
  readonly startupNodes: ReadonlyArray<{ host: string; port: number }>;
}

export function clusterLocksOn(
  { startupNodes }: ClusterTarget,
  { ioredis = 6, cluster, ...options }: ClusterLocksOptions = {},
): ClusterLocks {
  const nodes = [...startupNodes];
  const client: ClusterLike =
    ioredis === 6 ? new Cluster6(nodes, cluster) : new Cluster5(nodes, cluster as ClusterOptions5);
  client.on('error', () => undefined);
  return locksWith(client, options);
}
