/**
 * The connections of a Cluster client to its nodes. Opens the connections to all masters before they are needed, and
 * reports when a connection is interrupted.
 */
import { runOutside } from '../../../core/time/outside.js';
import { onClient } from '../client/client-events.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';

/**
 * A Cluster client opens the connection to a node at the first command for the node. A connection keeps the async
 * context in which it was opened, and that would be the context of the command's caller. So the connections to all
 * masters are opened outside any context, before the first command after the client has learnt of a node.
 */
export class NodeConnections {
  readonly #client: ClusterLike;
  readonly #onInterrupted: () => void;
  readonly #stop: () => void;
  /** Each node that is listened to, with the function that removes the listener. */
  readonly #nodes = new Map<RedisLike, () => void>();
  #learnt = true;

  /**
   * @param onInterrupted called when a connection ends. The Cluster client itself stays connected, and may send the
   * commands again that were under way.
   */
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
      // A failure is reported by the client's events.
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
      // Nodes are known by their structure: a node without events cannot be listened to.
      if (this.#nodes.has(node) || typeof node.on !== 'function') continue;
      this.#nodes.set(node, onClient(node, 'close', this.#onInterrupted));
    }
  }
}
