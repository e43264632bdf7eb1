/** Warns where the server may evict locks: it would be as if somebody deleted them. */
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/**
 * Looks once, at the first connection. A server that refuses INFO is not an error: it costs a warning only.
 * @returns takes the listener away.
 */
export function checkEviction(client: RedisLike, warn: (message: string) => void): () => void {
  const check = async (): Promise<void> => {
    stop();
    try {
      const info = String(await client.call('INFO', 'memory'));
      const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
      const bounded = /^maxmemory:[1-9]/m.test(info);
      if (bounded && policy !== undefined && policy !== 'noeviction') {
        warn(
          `Redis has "maxmemory-policy ${policy}": when its memory is full it may delete locks that are held, which are ` +
            'then noticed as lost at their next renewal only. Use "noeviction" for the Redis that holds locks.',
        );
      }
    } catch {
      // No right to INFO, or no connection any more.
    }
  };
  let stop = (): void => {};
  if (client.status === 'ready') void check();
  else stop = onClient(client, 'ready', () => void check());
  return () => stop();
}
