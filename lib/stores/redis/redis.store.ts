/**
 * Locks on Redis: standalone, behind Sentinel, or a Cluster.
 *
 * The folders beside this file, from the bottom up:
 * - `naming`: what the keys and channels of a lock are called.
 * - `scripts`: what happens atomically at the server.
 * - `client`: what the store uses of an ioredis client.
 * - `errors`: what Redis and ioredis report, as a LockStoreError that says what to do.
 * - `health`: whether the connection can be used now, and what is logged if it cannot.
 * - `opening`: from the option `redis` to a client.
 * - `commands`: how commands are sent, and what their outcome means.
 * - `notifications`: how a session hears of hand-offs.
 */
import type { LockStore, LockStoreListener, LockStoreSession } from '../../core/contracts/store.contract.js';
import { DatabaseGuard } from './health/database-guard.js';
import { checkEviction } from './opening/eviction-check.js';
import { KeyNames } from './naming/key-names.js';
import { keyPrefixOf } from './client/key-prefix.js';
import type { RedisLike } from './client/redis-client.interface.js';
import { CommandSender } from './commands/command-sender.js';
import { RedisSession } from './redis.session.js';

export interface RedisStoreSettings {
  readonly client: RedisLike;
  /** Stands before the name of every key and channel. */
  readonly prefix: string;
  /** How long each reply may take, in ms. */
  readonly commandTimeout: number;
  /** Whether the store opened the client. If so, `close` closes the client. */
  readonly owned: boolean;
  /** Logs what an operator should know and what no caller is told. */
  readonly warn: (message: string) => void;
  /** The guard of the client's database. @default a guard of the store's own */
  readonly database?: DatabaseGuard;
  /** Logs that a problem is over. */
  readonly log?: (message: string) => void;
}

export class RedisLockStore implements LockStore {
  readonly #settings: RedisStoreSettings;
  readonly #names: KeyNames;
  readonly #sender: CommandSender;
  readonly #sessions = new Set<RedisSession>();
  readonly #stopCheck: () => void;
  readonly #database: DatabaseGuard;
  #warnedOfPublish = false;
  #closed = false;

  constructor(settings: RedisStoreSettings) {
    const { client, prefix, commandTimeout, owned } = settings;
    this.#settings = settings;
    this.#stopCheck = checkEviction(client, settings.warn);
    this.#database = settings.database ?? new DatabaseGuard(client, settings.warn);
    const { number } = this.#database;
    this.#names = new KeyNames(prefix, keyPrefixOf(client), client.isCluster === true, number);
    this.#sender = new CommandSender({
      client,
      database: this.#database,
      commandTimeout,
      owned,
      onRecovered: () => this.#onRecovered(),
    });
  }

  open(sessionId: string, listener: LockStoreListener): LockStoreSession {
    const session = new RedisSession({
      sender: this.#sender,
      names: this.#names,
      sessionId,
      listener,
      log: { warn: this.#settings.warn, log: (message) => this.#settings.log?.(message) },
      onPublishRefused: (why) => this.#onPublishRefused(why),
      onClose: (closed) => this.#sessions.delete(closed),
    });
    this.#sessions.add(session);
    return session;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
    this.#stopCheck();
    this.#database.end();
    this.#sender.end();
    const { client, owned } = this.#settings;
    // A second disconnect() of ioredis leaves a timer of two seconds.
    if (owned && client.status !== 'end') client.disconnect();
  }

  #onRecovered(): void {
    for (const session of this.#sessions) session.onRecovered();
  }

  #onPublishRefused(why: string): void {
    if (this.#warnedOfPublish) return;
    this.#warnedOfPublish = true;
    this.#settings.warn(
      `Redis refuses ${this.#sender.cluster ? 'SPUBLISH' : 'PUBLISH'} (${why}): waiting callers learn of a free lock late, at their next check. ` +
        `Give the Redis user the right to the command and to the channels "${this.#names.channelPattern}".`,
    );
  }
}
