/** The prefix that a client of ioredis puts before every key by itself. */
import type { RedisLike } from './redis-client.interface.js';

interface Prefixed {
  readonly keyPrefix?: string | Buffer | null;
  readonly redisOptions?: { readonly keyPrefix?: string | Buffer | null };
}

/** @returns an empty string for none. */
export function keyPrefixOf(client: RedisLike): string {
  const { keyPrefix, redisOptions } = client.options as Prefixed;
  return String(keyPrefix || redisOptions?.keyPrefix || '');
}
