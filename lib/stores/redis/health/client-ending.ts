/** Whether a client connects again by itself, and what is said of one that does not. */
import type { RedisLike } from '../client/redis-client.interface.js';

/** Remembers that a client has ended. To be told of each "close". */
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

  /** The status alone does not tell: a Cluster is "close" again after its "end", once each of its nodes is. */
  get ended(): boolean {
    const { status } = this.#client;
    return status === 'end' || (this.#ended && status === 'close');
  }
}
