/** What opens a store on Redis. The build keeps it and all that only it needs in a file of its own. */
export { type RedisConnection, connectRedis } from './opening/redis-client.factory.js';
export { RedisLockStore } from './redis.store.js';
