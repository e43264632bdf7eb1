/**
 * Opens and closes the store on Redis. A store that was given as an option, or that a test has put in its place, is
 * neither opened nor closed here.
 */
import type { LockStore } from '../core/contracts/store.contract.js';
import type { StoreTarget } from './resolve-module-options.js';
import type { ConnectionLog } from '../stores/redis/health/connection-log.js';
import type { RedisConnection } from '../stores/redis/index.js';
import { loadRedis } from '../stores/redis/load-redis.js';

export class LockStoreProvider {
  #connection: RedisConnection | undefined;
  #store: LockStore | undefined;

  /** Only the store's provider calls this method, so a test that overrides the provider opens no connection. */
  open(target: StoreTarget, connectionName: string, log: ConnectionLog): LockStore {
    if (target.kind === 'store') return target.store;
    const { RedisLockStore, connectRedis } = loadRedis();
    const { prefix, commandTimeout } = target;
    const connection = connectRedis(target.redis, { connectionName, commandTimeout, log });
    const { client, owned, database } = connection;
    this.#connection = connection;
    this.#store = new RedisLockStore({
      client,
      prefix,
      commandTimeout,
      owned,
      warn: (message) => log.warn(message),
      database,
      log: (message) => log.log(message),
    });
    return this.#store;
  }

  /** Connects in the background, because an application must start even if Redis is down. */
  connect(): void {
    this.#connection?.connect();
  }

  /** Whether the connection is down, and this was logged. */
  get down(): boolean {
    return this.#connection?.watch.down ?? false;
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#connection?.watch.end();
    await this.#store?.close();
  }
}
