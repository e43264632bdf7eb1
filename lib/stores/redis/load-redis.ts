import { RedisLockStore, connectRedis } from './index.js';

/**
 * In the build, the first call loads the store on Redis, and ioredis with it. An application that keeps its locks in
 * memory loads neither. The build relies on it that only this function uses the two names.
 */
export function loadRedis() {
  return { RedisLockStore, connectRedis };
}
