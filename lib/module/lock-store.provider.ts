/** The store that this module opened itself, if it did: one that was given, or put in its place by a test, is not. */
import type { LockStore } from '../core/contracts/store.contract.js';
import type { StoreTarget } from './resolve-module-options.js';
import type { ConnectionLog } from '../stores/redis/health/connection-log.js';
import { type RedisConnection, connectRedis } from '../stores/redis/opening/redis-client.factory.js';
import { RedisLockStore } from '../stores/redis/redis.store.js';

export class LockStoreProvider {
  #connection: RedisConnection | undefined;
  #store: LockStore | undefined;

  /** Called by the store's provider alone, so that a test that overrides it opens no connection. */
  open(target: StoreTarget, connectionName: string, log: ConnectionLog): LockStore {
    if (target.kind === 'store') return target.store;
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

  /** In the background: an application starts without its Redis. */
  connect(): void {
    this.#connection?.connect();
  }

  /** Is its connection known, and logged, to be down? */
  get down(): boolean {
    return this.#connection?.watch.down ?? false;
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#connection?.watch.end();
    await this.#store?.close();
  }
}
