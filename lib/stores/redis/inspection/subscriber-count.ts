/** How many subscribers a plain channel has on all nodes of a Cluster. PUBLISH counts those of its own node only. */
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';
import { within } from './within.js';

/** How long the nodes of a Cluster may take to count the listeners, in ms. Without the count, answers take the whole patience. */
const COUNTING = 500;
/** For how long the nodes are not known for certain after a change, in ms. After a fail-over, the old master is listed late. */
const SETTLING = 30_000;

export class SubscriberCount {
  readonly #client: ClusterLike;
  readonly #timeout: number;
  /** The names of the nodes at the latest count. */
  #names: string | undefined;
  #settledAt = 0;

  /** @param commandTimeout in ms */
  constructor(client: ClusterLike, commandTimeout: number) {
    this.#client = client;
    this.#timeout = Math.min(commandTimeout, COUNTING);
  }

  /**
   * Replicas are counted too: a subscriber stays with a master that becomes a replica, and still gets all messages.
   * @returns undefined if the number is not known: the nodes have changed, a right is missing, or a node does not answer.
   */
  async of(channel: string): Promise<number | undefined> {
    const nodes = this.#client.nodes('all');
    if (!this.#settled(nodes)) return undefined;
    const counting = Promise.all(nodes.map((node) => node.call('PUBSUB', 'NUMSUB', channel)));
    try {
      const counts = await within(this.#timeout, 'counting listeners', counting);
      return counts.reduce<number>((sum, count) => sum + Number((count as unknown[])[1]), 0);
    } catch {
      return undefined;
    }
  }

  #settled(nodes: readonly RedisLike[]): boolean {
    const now = performance.now();
    const names = nodes.map(nameOf).sort().join(' ');
    if (this.#names !== undefined && this.#names !== names) this.#settledAt = now + SETTLING;
    this.#names = names;
    if (now >= this.#settledAt) return true;
    // ioredis reads the list of nodes after an error only. The list may lack a node that became a replica.
    this.#client.refreshSlotsCache?.();
    return false;
  }
}

function nameOf({ options }: RedisLike): string {
  const { host = '', port = 0 } = options as { host?: string; port?: number };
  return `${host}:${port}`;
}
