/** Whether a client connects again by itself. */
import type { RedisLike } from '../client/redis-client.interface.js';

/** Remembers that a client has ended: such a client does not connect again. To be told of each "close". */
export class Ending {
  readonly #client: RedisLike;
  #ended = false;

  constructor(client: RedisLike) {
    this.#client = client;
  }

  closed(): void {
    if (this.#client.status === 'end') this.#ended = true;
  }

  connected(): void {
    this.#ended = false;
  }

  /**
   * The status alone is not enough: after its "end", a Cluster has the status "close" again once each node is closed.
   */
  get ended(): boolean {
    const { status } = this.#client;
    return status === 'end' || (this.#ended && status === 'close');
  }
}
