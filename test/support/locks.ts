/** A LockService on Redis without Nest, as a module makes it, with the parts that tests need. */
import { Redis, type RedisOptions } from 'ioredis';
import type { LockDefaults } from '../../lib/core/options/acquire.options.js';
import type { LockEvent } from '../../lib/core/events/events.js';
import type { InspectionMode } from '../../lib/core/inspector/listening.js';
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { LockService } from '../../lib/lock.service.js';
import type { RedisLike } from '../../lib/stores/redis/client/redis-client.interface.js';
import { RedisLockStore } from '../../lib/stores/redis/redis.store.js';

export interface LocksOptions {
  readonly prefix?: string;
  /** In ms. */
  readonly commandTimeout?: number;
  readonly defaults?: LockDefaults;
  readonly maxWaiters?: number;
  /** In ms. */
  readonly longHold?: number;
  readonly owner?: string;
  readonly inspection?: InspectionMode;
  /** Options of the Redis client. */
  readonly redis?: RedisOptions;
}

export interface Locks<Client extends RedisLike = Redis> {
  readonly service: LockService;
  readonly engine: LockEngine;
  readonly store: RedisLockStore;
  /** The client that the store uses. */
  readonly client: Client;
  /** The events of the engine. */
  readonly events: LockEvent[];
  readonly warnings: string[];
  /** Messages of recoveries. */
  readonly notes: string[];
  /** Ends everything, with the locks that are held. */
  close(): Promise<void>;
}

/** @param target a server, or a proxy in front of a server. */
export function locksOn(target: { readonly url: string }, options: LocksOptions = {}): Locks {
  const client = new Redis(target.url, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(20 * attempt, 200),
    ...options.redis,
  });
  client.on('error', () => undefined);
  return locksWith(client, options);
}

/** @param client a client that belongs to the locks from now on. */
export function locksWith<Client extends RedisLike>(client: Client, options: LocksOptions): Locks<Client> {
  const warnings: string[] = [];
  const notes: string[] = [];
  const events: LockEvent[] = [];
  const store = new RedisLockStore({
    client,
    prefix: options.prefix ?? 'lock:',
    commandTimeout: options.commandTimeout ?? 2_000,
    owned: true,
    warn: (message) => void warnings.push(message),
    log: (message) => void notes.push(message),
  });
  const engine = new LockEngine({
    store,
    inspection: options.inspection,
    owner: options.owner ?? 'test',
    maxWaiters: options.maxWaiters ?? Infinity,
    longHold: options.longHold ?? 60_000,
    emit: (event) => void events.push(event),
  });
  const service = new LockService(engine, resolvePolicy(options.defaults));
  return {
    service,
    engine,
    store,
    client,
    events,
    warnings,
    notes,
    async close() {
      await engine.drain(0);
      await engine.close();
      await store.close();
    },
  };
}
