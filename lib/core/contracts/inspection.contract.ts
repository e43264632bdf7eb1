/** What a store does for the inspection of locks: it reads keys, and carries messages between sessions. */

export interface StoreInspection {
  /**
   * Reads what stands at a key, and changes nothing.
   * @param most how many places of the queue are read, from the first one on.
   * @throws LockStoreError
   */
  readKey(key: string, most: number): Promise<KeyState>;

  /**
   * Finds the keys that are held or queued for, each once. The search must not keep the store busy for long.
   * @param pattern a glob of keys: `*`, `?`, `[…]` and `\` have the meaning that they have for Redis.
   * @throws LockStoreError
   */
  keys(pattern: string, signal: AbortSignal | undefined): AsyncIterable<string>;

  /**
   * Makes messages reach the session, until it is closed. Idempotent.
   * @throws LockStoreError when messages cannot reach the session
   */
  listen(): Promise<void>;

  /**
   * Sends a message to each session that listens, this one included.
   * @returns how many sessions it was sent to. Undefined if the store does not know that.
   * @throws LockStoreError
   */
  broadcast(message: string): Promise<number | undefined>;

  /**
   * Sends a message to one session.
   * @returns whether the session listens. Undefined if the store does not know that.
   * @throws LockStoreError
   */
  send(sessionId: string, message: string): Promise<boolean | undefined>;
}

export interface KeyState {
  /** The tokens that hold the key. The value itself, if a foreign client has put it there. Empty if nobody holds the key. */
  readonly holders: readonly KeyHolder[];
  /** The first tokens of the queue, in order. */
  readonly queue: readonly KeyWaiter[];
  /** How many tokens are in the queue. */
  readonly queued: number;
}

export interface KeyHolder {
  readonly token: string;
  /** In ms. `Infinity` if the value does not expire. */
  readonly remaining: number;
}

export interface KeyWaiter {
  readonly token: string;
  /** For how long the token has been in the queue, in ms. */
  readonly waited: number;
}
