/** The connection to one node of a Cluster, on which the channels of the node's slots are subscribed. */
import type { HandOffLog } from './hand-off-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { isRefusal } from '../errors/redis-errors.js';
import { logAttempts } from './subscriber-attempts.js';

export interface ShardNodeSettings {
  /** The address of the node, as the Cluster client writes it. */
  readonly address: string;
  readonly connection: RedisLike;
  readonly log: HandOffLog;
  readonly onMessage: (node: ShardNode, channel: string, message: string) => void;
}

/** A channel, which listens to its node. */
export interface NodeListener {
  /** The connection is ready: no channel is subscribed yet. */
  onReady(): void;
  /** The connection is closed. It is opened again by itself. */
  onDown(): void;
  /** A slot was moved to another node. ioredis does not say which slot. */
  onMoved(): void;
  /** The server refuses the login or the subscription. */
  onRefused(error: unknown): void;
}

export class ShardNode {
  readonly address: string;
  readonly #connection: RedisLike;
  readonly #log: HandOffLog;
  #ended = false;
  readonly #listeners = new Set<NodeListener>();

  constructor({ address, connection, log, onMessage }: ShardNodeSettings) {
    this.address = address;
    this.#connection = connection;
    this.#log = log;
    logAttempts(connection, log, () => this.#ended);
    connection.on('ready', () => log.works(connection));
    connection.on('ready', () => this.#tell((each) => each.onReady()));
    connection.on('close', () => this.#tell((each) => each.onDown()));
    connection.on('moved', () => this.#tell((each) => each.onMoved()));
    connection.on('error', (error: unknown) => {
      if (isRefusal(error)) this.#tell((each) => each.onRefused(error));
      // If the server reports a moved slot without a request, ioredis 5 assigns later replies to the wrong commands.
      else if (this.ready) this.reconnect();
    });
    connection.on('smessage', (channel: string, message: string) => onMessage(this, channel, message));
    connection.connect().catch(() => undefined); // the client tries again by itself, and emits events
  }

  get ready(): boolean {
    return this.#connection.status === 'ready';
  }

  get used(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: NodeListener): void {
    this.#listeners.add(listener);
  }

  delete(listener: NodeListener): void {
    this.#listeners.delete(listener);
  }

  /** With ioredis 5 and a slot that was moved, the promise may never settle. */
  subscribe(channel: string): Promise<unknown> {
    return this.#connection.call('ssubscribe', channel);
  }

  reconnect(): void {
    this.#connection.disconnect(true);
  }

  end(): void {
    this.#listeners.clear();
    this.#ended = true;
    this.#log.works(this.#connection);
    this.#connection.disconnect();
  }

  #tell(what: (listener: NodeListener) => void): void {
    for (const each of [...this.#listeners]) what(each);
  }
}
