/** Leaves a replica. After a fail-over behind one address, the old master becomes a replica and may keep the connection. */
import type { RedisLike } from '../client/redis-client.interface.js';

/** The shortest time between two reconnections because of refused writes, in ms. */
const PAUSE = 5_000;

export class ReplicaExit {
  #left = -Infinity;
  /** Whether the connection was closed because the server is a replica, and no master was found since. */
  #leaving = false;

  /**
   * The option `reconnectOnError` of ioredis. A refused write makes ioredis connect again, which resolves the address
   * again.
   */
  readonly reconnectOnError = (error: Error): boolean => {
    if (!error.message.includes('READONLY') || performance.now() - this.#left < PAUSE) return false;
    this.#left = performance.now();
    this.#leaving = true;
    return true;
  };

  /** Why the connection was closed, if this was the cause. */
  get reason(): string | undefined {
    return this.#leaving ? 'is a replica, and refuses writes' : undefined;
  }

  /** The connection is ready again. Resolves to whether it leads to a replica again. */
  async remains(client: RedisLike): Promise<boolean> {
    if (!this.#leaving) return false;
    try {
      const info = String(await client.call('INFO', 'replication'));
      if (/^role:slave/m.test(info)) return true;
    } catch {
      // A user without the right to read this gets a message for each connection.
    }
    this.#leaving = false;
    return false;
  }
}
