/**
 * The connections of a Cluster client to its nodes: opens those to its masters, which it would open at the first command to
 * each, and tells when one is interrupted.
 */
import { runOutside } from '../../../core/time/outside.js';
import { onClient } from '../client/client-events.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';

/**
 * A connection lives in the async context that it is opened in: it would be that of the caller whose command was the first to
 * the node. So those to all masters are opened at the first command after the client has learnt of a node.
 */
export class NodeConnections {
  readonly #client: ClusterLike;
  readonly #onInterrupted: () => void;
  readonly #stop: () => void;
  /** Each with what ends the listening to it. */
  readonly #nodes = new Map<RedisLike, () => void>();
  #learnt = true;

  /** @param onInterrupted what was under way over the connection may be sent again: the client itself stays connected. */
  constructor(client: ClusterLike, onInterrupted: () => void) {
    this.#client = client;
    this.#onInterrupted = onInterrupted;
    this.#stop = onClient(client, '+node', () => (this.#learnt = true));
  }

  /** To be called before each command. */
  open(): void {
    if (!this.#learnt || this.#client.status !== 'ready') return;
    this.#learnt = false;
    this.#listen(this.#client.nodes('all'));
    for (const node of this.#client.nodes('master')) {
      // Its failure comes with the client's events.
      if (node.status === 'wait') void runOutside(() => node.connect().catch(() => undefined));
    }
  }

  end(): void {
    this.#stop();
    this.#listen([]);
  }

  #listen(nodes: readonly RedisLike[]): void {
    for (const [node, stop] of this.#nodes) {
      if (nodes.includes(node)) continue;
      stop();
      this.#nodes.delete(node);
    }
    for (const node of nodes) {
      // By structure: a node that tells nothing is none to listen to.
      if (this.#nodes.has(node) || typeof node.on !== 'function') continue;
      this.#nodes.set(node, onClient(node, 'close', this.#onInterrupted));
    }
  }
}
