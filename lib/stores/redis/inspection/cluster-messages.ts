/** How messages for the inspection of locks reach a session on a Cluster: plain channels, on one connection to any node. */
import { systemClock } from '../../../core/time/clock.js';
import { runOutside } from '../../../core/time/outside.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';
import { isRefusal, storeError } from '../errors/redis-errors.js';
import { SharedPromise } from '../notifications/shared-promise.js';
import { SUBSCRIBER_OPTIONS } from '../notifications/subscriber-options.js';

/** The pause before a connection to another node is opened, in ms. */
const PAUSE = 500;

/** The nodes of a Cluster pass plain messages on to each other, so any node will do. */
export class ClusterMessages {
  readonly #client: ClusterLike;
  readonly #onMessage: (message: string) => void;
  readonly #listening = new SharedPromise();
  #channels: readonly string[] = [];
  #connection: RedisLike | undefined;
  #awake = false;
  /** Whether the server has refused the subscription. Nothing tries again until messages are wanted again. */
  #refused = false;
  #ended = false;

  constructor(client: ClusterLike, onMessage: (message: string) => void) {
    this.#client = client;
    this.#onMessage = onMessage;
  }

  /** Resolves when messages arrive. @throws LockStoreError when the server refuses the subscription. */
  listenTo(channels: readonly string[]): Promise<void> {
    if (this.#awake || this.#ended) return Promise.resolve();
    this.#channels = channels;
    this.#refused = false;
    const listening = this.#listening.get();
    if (this.#connection === undefined) runOutside(() => this.#open());
    return listening;
  }

  end(): void {
    this.#ended = true;
    this.#awake = false;
    this.#connection?.disconnect();
  }

  #open(): void {
    if (this.#ended || this.#connection !== undefined) return;
    const nodes = this.#client.nodes('master');
    const node = nodes[Math.floor(Math.random() * nodes.length)];
    if (node === undefined) return this.#later();
    const connection = node.duplicate({
      ...SUBSCRIBER_OPTIONS,
      readOnly: false,
      retryStrategy: () => null,
    }) as RedisLike;
    this.#connection = connection;
    connection.on('error', (error: unknown) => {
      if (isRefusal(error)) this.#refuse(error);
    });
    connection.on('message', (_channel: string, message: string) => this.#onMessage(message));
    connection.on('ready', () => void this.#subscribe(connection));
    connection.on('end', () => this.#later());
    connection.connect().catch(() => undefined); // "end" follows
  }

  async #subscribe(connection: RedisLike): Promise<void> {
    try {
      await Promise.all(this.#channels.map((channel) => connection.subscribe(channel)));
      if (this.#ended || connection.status !== 'ready') return;
      this.#awake = true;
      this.#listening.resolve();
    } catch (error) {
      if (isRefusal(error)) this.#refuse(error);
      connection.disconnect();
    }
  }

  #later(): void {
    this.#connection = undefined;
    this.#awake = false;
    if (!this.#ended && !this.#refused) systemClock.schedule(() => this.#open(), PAUSE);
  }

  #refuse(error: unknown): void {
    this.#refused = true;
    this.#listening.reject(storeError(`subscribing to the channel "${this.#channels[0] ?? ''}"`, error));
  }
}
