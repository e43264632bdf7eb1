/** The nodes of a Cluster on which this session has channels: one connection for each node, opened when it is needed. */
import { onClient } from '../client/client-events.js';
import type { HandOffLog } from './hand-off-log.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';
import { ShardNode, type ShardNodeSettings } from './shard-node.js';
import { SUBSCRIBER_OPTIONS } from './subscriber-options.js';

export interface ShardNodesSettings {
  readonly client: ClusterLike;
  readonly log: HandOffLog;
  readonly onMessage: ShardNodeSettings['onMessage'];
  /** The Cluster client has read again which node serves which slot. */
  readonly onRefresh: () => void;
}

export class ShardNodes {
  readonly #settings: ShardNodesSettings;
  readonly #nodes = new Map<string, ShardNode>();
  readonly #stop: () => void;

  constructor(settings: ShardNodesSettings) {
    this.#settings = settings;
    this.#stop = onClient(settings.client, 'refresh', settings.onRefresh);
  }

  /** The address of the slot's master, as far as the client knows. The client learns of changes by its own commands. */
  ownerOf(slot: number): string | undefined {
    return this.#settings.client.slots[slot]?.[0];
  }

  /** The slot's node, which is connected or being connected. Undefined if the client does not know the node. */
  of(slot: number): ShardNode | undefined {
    const address = this.ownerOf(slot);
    if (address === undefined) return undefined;
    const known = this.#nodes.get(address);
    if (known !== undefined) return known;
    const connection = this.#connectionTo(address);
    if (connection === undefined) return undefined;
    const node = new ShardNode({
      address,
      connection,
      log: this.#settings.log,
      onMessage: this.#settings.onMessage,
    });
    this.#nodes.set(address, node);
    return node;
  }

  /** Ends the node's connection if no channel uses it. */
  tidy(node: ShardNode): void {
    if (node.used) return;
    this.#nodes.delete(node.address);
    node.end();
  }

  /** Makes the client read which node serves which slot. */
  refresh(): void {
    this.#settings.client.refreshSlotsCache?.();
  }

  end(): void {
    this.#stop();
    for (const node of this.#nodes.values()) node.end();
    this.#nodes.clear();
  }

  /** A new connection with the options of the client's own connection to the node: password, TLS, a mapped address. */
  #connectionTo(address: string): RedisLike | undefined {
    const node = this.#settings.client.nodes().find(({ options }) => {
      const { host, port } = options as { host?: string; port?: number };
      return `${host}:${port}` === address;
    });
    return node?.duplicate({ ...SUBSCRIBER_OPTIONS, readOnly: false }) as RedisLike | undefined;
  }
}
