/**
 * Makes a Cluster client read again which node serves which slot. Once ioredis has lost the node of a slot, it sends the
 * slot's commands to any node.
 */
import type { ClusterLike, RedisLike } from './redis-client.interface.js';

/** The pause between two readings that did not help, in ms. The pause doubles each time. */
const PAUSE = { first: 25, longest: 200 };

/** The pause before the n-th reading (from 0) for one command, in ms. */
export function pauseBefore(attempt: number): number {
  return attempt === 0 ? 0 : Math.min(PAUSE.first * 2 ** (attempt - 1), PAUSE.longest);
}

/** Calls back after the pause, when the Cluster client has read the slots, or has failed to. */
export function afterRefresh(client: RedisLike, attempt: number, callback: () => void): void {
  const cluster = client as ClusterLike;
  const refresh = (): void => {
    if (cluster.refreshSlotsCache === undefined) callback();
    else cluster.refreshSlotsCache(callback);
  };
  if (attempt === 0) refresh();
  else setTimeout(refresh, pauseBefore(attempt)).unref();
}
