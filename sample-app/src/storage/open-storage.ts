/**
 * Chooses the storage of tickets and locks: REDIS_URL, or else a private server, or else the memory of this process.
 */
import { type PrivateRedis, findServer, startPrivateRedis } from './private-redis.js';

export type TicketStorage =
  | { readonly kind: 'redis'; readonly url: string }
  | ({ readonly kind: 'private' } & PrivateRedis)
  | { readonly kind: 'memory' };

export async function openStorage(env: NodeJS.ProcessEnv): Promise<TicketStorage> {
  if (env.REDIS_URL) return { kind: 'redis', url: env.REDIS_URL };
  const program = findServer(env.PATH);
  if (program === undefined) return { kind: 'memory' };
  return { kind: 'private', ...(await startPrivateRedis(program)) };
}

export function describeStorage(storage: TicketStorage): string {
  switch (storage.kind) {
    case 'redis':
      // The whole URL is not shown, because it may contain a password.
      return `Tickets and locks are in Redis at ${hostOf(storage.url)}, as REDIS_URL says.`;
    case 'private':
      return (
        `Tickets and locks are in a private ${storage.program} on port ${storage.port} (process ${storage.pid}), ` +
        'which ends with this process. Set REDIS_URL to use another.'
      );
    case 'memory':
      return (
        'Tickets and locks are in the memory of this process: there is no REDIS_URL, and neither redis-server nor ' +
        'valkey-server on PATH.'
      );
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the address given';
}
