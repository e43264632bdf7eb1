/** The prefix that an ioredis client itself puts before every key. */
import type { RedisLike } from './redis-client.interface.js';

interface Prefixed {
  readonly keyPrefix?: string | Buffer | null;
  readonly redisOptions?: { readonly keyPrefix?: string | Buffer | null };
}

/** @returns an empty string if there is no prefix. */
export function keyPrefixOf(client: RedisLike): string {
  const { keyPrefix, redisOptions } = client.options as Prefixed;
  return String(keyPrefix || redisOptions?.keyPrefix || '');
}
