/** What the keys and channels of a lock are called in Redis. */
import { LockKeyError, LockOptionsError, quoted } from '../../../errors/index.js';
import { slotOf, tagOfSlot } from './cluster-slots.js';

export interface LockNames {
  /** The lock itself: `<prefix><key>`, the very name that plain `SET NX` clients use. */
  readonly lock: string;
  /** Its queue. */
  readonly queue: string;
  /** The counter of fences it draws from. */
  readonly fences: string;
}

/** Goes after the prefix in every name that is not a lock. No lock's own key may begin so. */
const RESERVED = '~nl:';

/**
 * Standalone, all names are `<prefix>~nl:…`, so that one ACL pattern `<prefix>*` covers them. In a Cluster they carry a
 * hash tag from a table of one tag a slot: `{<lock>}` would be another slot for locks that have braces of their own.
 */
export class KeyNames {
  readonly #prefix: string;
  readonly #clientPrefix: string;
  readonly #cluster: boolean;
  /** Standalone, one counter serves all. */
  readonly #fences: string;

  /** @param clientPrefix what the client itself puts before every key (its `keyPrefix`). */
  constructor(prefix: string, clientPrefix: string, cluster: boolean) {
    this.#prefix = prefix;
    this.#clientPrefix = clientPrefix;
    this.#cluster = cluster;
    this.#fences = `${prefix}${RESERVED}f`;
    if (cluster && /[{}]/.test(clientPrefix + prefix)) {
      throw new LockOptionsError(
        'prefix',
        clientPrefix + prefix,
        `prefix (with the client's keyPrefix: ${quoted(clientPrefix + prefix)}) holds a brace, which a Cluster would take for ` +
          "a hash tag. Use a prefix without braces; hash tags belong in the locks' own keys.",
      );
    }
  }

  /** Without the client's own prefix, which it adds by itself. */
  of(key: string): LockNames {
    if (key.startsWith(RESERVED)) {
      throw new LockKeyError(
        key,
        `The key ${quoted(key)} begins with "${RESERVED}", which is reserved. Use another name.`,
      );
    }
    const lock = this.#prefix + key;
    const tag = this.#cluster ? `{${this.fenceDomainOf(key)}}` : '';
    return {
      lock,
      queue: `${this.#prefix}${RESERVED}q${tag}:${key}`,
      fences: this.#fences + tag,
    };
  }

  /**
   * The set of those who hold a shared lock or a semaphore. It is not among the {@link of | names} that every command
   * declares.
   */
  holdersOf(key: string): string {
    return `${this.#prefix}${RESERVED}h${this.#cluster ? `{${this.fenceDomainOf(key)}}` : ''}:${key}`;
  }

  /** Standalone there is one counter, in a Cluster one a slot. */
  fenceDomainOf(key: string): string {
    return this.#cluster ? tagOfSlot(slotOf(this.#clientPrefix + this.#prefix + key)) : '';
  }

  /** The lock's key, from the name that Redis knows it by; undefined for a name that is no lock's of ours. */
  keyOf(fullName: string): string | undefined {
    const prefix = this.#clientPrefix + this.#prefix;
    const key = fullName.slice(prefix.length);
    return fullName.startsWith(prefix) && !key.startsWith(RESERVED) ? key : undefined;
  }

  /**
   * A session's channel for the keys of a counter, in full: channels get no prefix from the client. The scripts make it from
   * the counter's name.
   */
  channelOf(counter: string, sessionId: string): string {
    return `${this.#channels}${counter === '' ? '' : `{${counter}}`}:${sessionId}`;
  }

  /** A pattern that all channels fit. */
  get channelPattern(): string {
    return `${this.#channels}${this.#cluster ? '{' : ':'}*`;
  }

  get #channels(): string {
    return `${this.#clientPrefix}${this.#prefix}${RESERVED}w`;
  }
}
