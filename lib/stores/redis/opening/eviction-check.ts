/** Warns if the server may evict locks. An evicted lock is lost, as if another client had deleted it. */
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/**
 * Checks the server once, at the first connection. A server that refuses INFO is not an error: only the warning is
 * missing.
 * @returns a function that removes the listener.
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
          `Redis has "maxmemory-policy ${policy}": when its memory is full, Redis may delete locks that are held. Their ` +
            'holders notice the loss only at the next renewal. Use "noeviction" for a Redis with locks.',
        );
      }
    } catch {
      // The right to INFO is missing, or the connection ended.
    }
  };
  let stop = (): void => {};
  if (client.status === 'ready') void check();
  else stop = onClient(client, 'ready', () => void check());
  return () => stop();
}
