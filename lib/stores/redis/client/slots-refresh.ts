/** Where a Cluster's slots are, read anew: ioredis requests any node, once it has lost that of a slot. */
import type { ClusterLike, RedisLike } from './redis-client.interface.js';

/** Between two readings that helped nothing, in ms: twice as long each time. */
const PAUSE = { first: 25, longest: 200 };

/** How long to pause before the n-th reading (from 0) for one command, in ms. */
export function pauseBefore(attempt: number): number {
  return attempt === 0 ? 0 : Math.min(PAUSE.first * 2 ** (attempt - 1), PAUSE.longest);
}

/** Calls back after the pause, and when the Cluster client has read which node has which slot, or could not. */
export function afterRefresh(client: RedisLike, attempt: number, callback: () => void): void {
  const cluster = client as ClusterLike;
  const refresh = (): void => {
    if (cluster.refreshSlotsCache === undefined) callback();
    else cluster.refreshSlotsCache(callback);
  };
  if (attempt === 0) refresh();
  else setTimeout(refresh, pauseBefore(attempt)).unref();
}
