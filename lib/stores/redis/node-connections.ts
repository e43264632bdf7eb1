/** Opens the connections of a Cluster client to its masters, which it would open at the first command to each. */
import { runOutside } from '../../core/outside.js';
import { onClient } from './client-events.js';
import type { ClusterLike } from './redis-client.interface.js';

/**
 * A connection lives in the async context that it is opened in: it would be that of the caller whose command was the first to
 * the node. So those to all masters are opened at the first command after the client has learnt of a node.
 */
export class NodeConnections {
  readonly #client: ClusterLike;
  readonly #stop: () => void;
  #learnt = true;

  constructor(client: ClusterLike) {
    this.#client = client;
    this.#stop = onClient(client, '+node', () => (this.#learnt = true));
  }

  /** To be called before each command. */
  open(): void {
    if (!this.#learnt || this.#client.status !== 'ready') return;
    this.#learnt = false;
    for (const node of this.#client.nodes('master')) {
      // Its failure comes with the client's events.
      if (node.status === 'wait') void runOutside(() => node.connect().catch(() => undefined));
    }
  }

  end(): void {
    this.#stop();
  }
}
