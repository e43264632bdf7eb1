/** How hand-offs reach a session in a Cluster: by one sharded channel for each slot in which the session had to wait. */
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';
import { runOutside } from '../../../core/time/outside.js';
import type { HandOffLog } from './hand-off-log.js';
import type { KeyNames } from '../naming/key-names.js';
import type { CommandSender } from '../commands/command-sender.js';
import type { ClusterLike } from '../client/redis-client.interface.js';
import { NOTIFY } from '../scripts/scripts.js';
import { ShardChannel } from './shard-channel.js';
import { ShardNodes } from './shard-nodes.js';
import { slotOf } from '../naming/cluster-slots.js';
import { TRY_EVERY, type GrantNotifications } from './grant-notifications.interface.js';

export interface ShardedChannelsSettings {
  readonly sender: CommandSender;
  readonly names: KeyNames;
  readonly sessionId: string;
  readonly log: HandOffLog;
  readonly onMessage: (message: string) => void;
  /** Called after each subscription, with the slot's fence domain: hand-offs that were published before it are lost. */
  readonly onReconnected: (fenceDomain: string) => void;
}

/**
 * A script's PUBLISH counts the subscribers of its own node only, so a hand-off would not know whether it reached the
 * waiter. SPUBLISH belongs to the node of the slot, and counts all subscribers there. ioredis has `shardedSubscribers`
 * for SPUBLISH, but does not report that one of their connections is down, or that a channel is subscribed again. So
 * the store opens connections of its own. Channels are never unsubscribed.
 */
export class ShardedChannels implements GrantNotifications {
  readonly #settings: ShardedChannelsSettings;
  readonly #nodes: ShardNodes;
  /** By fence domain. */
  readonly #channels = new Map<string, ShardChannel>();
  readonly #byName = new Map<string, ShardChannel>();
  #possible = true;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: ShardedChannelsSettings) {
    this.#settings = settings;
    this.#nodes = new ShardNodes({
      client: settings.sender.client as ClusterLike,
      log: settings.log,
      onMessage: (node, name, message) => {
        settings.onMessage(message);
        this.#byName.get(name)?.heard(node, message);
      },
      onRefresh: () => {
        for (const channel of this.#channels.values()) if (channel.wanted) channel.seek();
      },
    });
  }

  get possible(): boolean {
    return this.#possible;
  }

  canNotify(key: string): boolean {
    return this.#channels.get(this.#settings.names.fenceDomainOf(key))?.awake === true;
  }

  onRequest({ key, release, acquire: request }: ExchangeRequest): void {
    if (!this.#working || request === undefined) return;
    if (request.mode !== 'once') {
      this.#watch();
      this.#channel(key).want();
    } else if (release !== undefined) {
      // Callers of this session wait for the key, although the request does not enter the queue. If the server cannot
      // notify, that must be known before this session excludes other sessions for long.
      const channel = this.#channel(key);
      if (!channel.awake && !channel.refused) channel.want();
    }
  }

  doubt(key: string): void {
    if (this.#working) this.#channel(key).try();
  }

  subscribe(key: string): Promise<void> {
    if (!this.#working) return Promise.resolve();
    this.#watch();
    return this.#channel(key).listen();
  }

  end(): void {
    this.#ended = true;
    this.#stop();
  }

  /** Notifications are impossible: callers that wait for a subscription continue without one. */
  #abandon(): void {
    this.#possible = false;
    const channels = [...this.#channels.values()];
    this.#stop();
    for (const channel of channels) channel.abandon();
  }

  get #working(): boolean {
    return this.#possible && !this.#ended;
  }

  #channel(key: string): ShardChannel {
    const { sender, names, sessionId, onReconnected } = this.#settings;
    const fenceDomain = names.fenceDomainOf(key);
    let channel = this.#channels.get(fenceDomain);
    if (channel === undefined) {
      const { fences } = names.of(key);
      channel = new ShardChannel({
        slot: slotOf(fenceDomain),
        name: names.channelOf(fenceDomain, sessionId),
        nodes: this.#nodes,
        publish: async (message) =>
          Number(
            await sender.run(sender.until(), 'testing the hand-offs of', key, NOTIFY, [
              '1',
              fences,
              sessionId,
              message,
            ]),
          ),
        onReconnected: () => onReconnected(fenceDomain),
        onUnknown: () => this.#abandon(),
      });
      this.#channels.set(fenceDomain, channel);
      this.#byName.set(channel.name, channel);
    }
    return channel;
  }

  /** While a caller waits, its channel is tested at intervals. */
  #watch(): void {
    this.#timer ??= runOutside(() => setInterval(() => this.#check(), TRY_EVERY).unref());
  }

  #check(): void {
    let wanted = false;
    for (const channel of this.#channels.values()) {
      if (!channel.wanted) continue;
      wanted = true;
      if (!channel.awake) this.#nodes.refresh();
      channel.seek();
      channel.try();
    }
    if (wanted) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#nodes.end();
    for (const channel of this.#channels.values()) channel.end();
    this.#channels.clear();
    this.#byName.clear();
  }
}
