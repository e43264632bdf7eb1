/** Redis stores as subjects of the contract suite, by each version and setting of ioredis. */
import { setTimeout as elapse } from 'node:timers/promises';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { RedisLockStore } from '../../lib/stores/redis/redis.store.js';
import type { ContractSubject } from '../../lib/testing/store-contract.js';
import type { RedisCluster } from './redis-server.js';

/** The clients of one server, by the name that a report shows. */
export const SERVER_CLIENTS: Readonly<Record<string, (url: string) => RedisLike>> = {
  'ioredis 6': (url) => new Redis6(url),
  'ioredis 5': (url) => new Redis5(url),
  'ioredis 6 with a keyPrefix and auto-pipelining': (url) =>
    new Redis6(url, { keyPrefix: 'app:', enableAutoPipelining: true }),
  'ioredis 5 with string numbers': (url) => new Redis5(url, { stringNumbers: true }),
};

/** The clients of a Cluster. */
export const CLUSTER_CLIENTS: Readonly<Record<string, (cluster: RedisCluster) => RedisLike>> = {
  'ioredis 6': ({ startupNodes }) => new Cluster6([...startupNodes]),
  'ioredis 5': ({ startupNodes }) => new Cluster5([...startupNodes]),
  'ioredis 6 with a keyPrefix and auto-pipelining': ({ startupNodes }) =>
    new Cluster6([...startupNodes], { keyPrefix: 'app:', enableAutoPipelining: true }),
};

/** A store that closes the client. A warning of the store is an error. */
export function redisStoreOn(client: RedisLike, prefix = 'lock:'): RedisLockStore {
  const warn = (message: string): never => {
    throw new Error(message);
  };
  return new RedisLockStore({ client, prefix, commandTimeout: 2_000, owned: true, warn });
}

let subjects = 0;

/**
 * A subject on real time; a foreign client can take its keys. Each subject has a prefix of its own, so that subjects share a
 * server at the same time.
 */
export function redisSubject(client: RedisLike): ContractSubject {
  const prefix = `lock${(subjects += 1)}:`;
  const occupy = async (key: string, ms: number): Promise<void> => {
    await client.call('SET', `${prefix}${key}`, '1', 'PX', ms, 'NX');
  };
  return { store: redisStoreOn(client, prefix), elapse, occupy };
}
