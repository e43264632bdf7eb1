/** The names of a lock's keys and channels in Redis. */
import { LockKeyError, LockOptionsError, quoted } from '../../../errors/index.js';
import { slotOf, tagOfSlot } from './cluster-slots.js';

export interface LockNames {
  /** The lock itself: `<prefix><key>`, the same name that plain `SET NX` clients use. */
  readonly lock: string;
  /** The queue of the lock. */
  readonly queue: string;
  /** The fence counter of the lock's fence domain. */
  readonly fences: string;
}

/** Follows the prefix in every name that is not a lock's. The key of a lock must not begin with it. */
const RESERVED = '~nl:';

/**
 * Without a Cluster, all names are `<prefix>~nl:…`, so one ACL pattern `<prefix>*` covers them. In a Cluster, names
 * contain a hash tag from a table with one tag for each slot. The tag `{<lock>}` would belong to another slot if the
 * lock's key contains braces itself.
 */
export class KeyNames {
  readonly #prefix: string;
  readonly #clientPrefix: string;
  readonly #cluster: boolean;
  /** Without a Cluster, one fence counter serves all keys. In a Cluster, the hash tag follows. */
  readonly #fences: string;
  /** The beginnings of names, made once: each concatenation of a name costs time. */
  readonly #queues: string;
  readonly #holders: string;
  readonly #database: number;

  /**
   * @param clientPrefix the prefix that the client itself puts before every key (its `keyPrefix`).
   * @param database the number of the database of the locks.
   */
  constructor(prefix: string, clientPrefix: string, cluster: boolean, database = 0) {
    this.#prefix = prefix;
    this.#clientPrefix = clientPrefix;
    this.#cluster = cluster;
    this.#database = database;
    this.#fences = `${prefix}${RESERVED}f`;
    this.#queues = `${prefix}${RESERVED}q${cluster ? '' : ':'}`;
    this.#holders = `${prefix}${RESERVED}h${cluster ? '' : ':'}`;
    if (cluster && /[{}]/.test(clientPrefix + prefix)) {
      throw new LockOptionsError(
        'prefix',
        clientPrefix + prefix,
        `prefix (with the client's keyPrefix: ${quoted(clientPrefix + prefix)}) holds a brace, which a Cluster would take for ` +
          'a hash tag. Use a prefix without braces. Hash tags belong in the keys of the locks.',
      );
    }
  }

  /** The names without the client's own prefix: the client adds that prefix. @throws LockKeyError for a reserved key */
  of(key: string): LockNames {
    if (key.startsWith(RESERVED)) {
      throw new LockKeyError(
        key,
        `The key ${quoted(key)} begins with "${RESERVED}", which is reserved. Use another key.`,
      );
    }
    const lock = this.#prefix + key;
    if (!this.#cluster) return { lock, queue: this.#queues + key, fences: this.#fences };
    const tag = `{${this.fenceDomainOf(key)}}`;
    return { lock, queue: `${this.#queues}${tag}:${key}`, fences: this.#fences + tag };
  }

  /**
   * The set of the tokens that hold a shared lock or a semaphore. This name is not among the {@link of | names} that
   * every command declares.
   */
  holdersOf(key: string): string {
    if (!this.#cluster) return this.#holders + key;
    return `${this.#holders}{${this.fenceDomainOf(key)}}:${key}`;
  }

  /** The key's fence domain. Without a Cluster there is one domain, in a Cluster one for each slot. */
  fenceDomainOf(key: string): string {
    return this.#cluster ? tagOfSlot(slotOf(this.#clientPrefix + this.#prefix + key)) : '';
  }

  /**
   * The key of a lock, from the lock's full name in Redis; undefined for a name that is not a lock's with our prefix.
   */
  keyOf(fullName: string): string | undefined {
    const prefix = this.#clientPrefix + this.#prefix;
    const key = fullName.slice(prefix.length);
    return fullName.startsWith(prefix) && !key.startsWith(RESERVED) ? key : undefined;
  }

  /** As {@link keyOf}, and also for the names of queues and of holders. */
  keyOfAny(fullName: string): string | undefined {
    const prefix = this.#clientPrefix + this.#prefix + RESERVED;
    if (!fullName.startsWith(prefix)) return this.keyOf(fullName);
    return /^[qh](?:\{[^}]*\})?:(.+)$/s.exec(fullName.slice(prefix.length))?.[1];
  }

  /** The beginning of the full name of each key. */
  get fullPrefix(): string {
    return this.#clientPrefix + this.#prefix;
  }

  /**
   * The channel for questions to all sessions of one database. Channels do not belong to a database of Redis, so the name
   * tells the database, except for database 0.
   */
  get questions(): string {
    return `${this.fullPrefix}${RESERVED}i${this.#database === 0 ? '' : `/${this.#database}`}`;
  }

  /** The channel for answers to a session, and for other messages to this session alone. */
  messagesOf(sessionId: string): string {
    return `${this.questions}:${sessionId}`;
  }

  /**
   * The full name of a session's channel for the keys of a fence domain: the client adds no prefix to channels. The
   * scripts make the same name from the name of the fence counter.
   */
  channelOf(fenceDomain: string, sessionId: string): string {
    return `${this.#channels}${fenceDomain === '' ? '' : `{${fenceDomain}}`}:${sessionId}`;
  }

  /** A pattern that matches all channels. */
  get channelPattern(): string {
    return `${this.#channels}${this.#cluster ? '{' : ':'}*`;
  }

  get #channels(): string {
    return `${this.#clientPrefix}${this.#prefix}${RESERVED}w`;
  }
}
