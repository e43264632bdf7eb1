/** The connection to one node of a Cluster on which the channels of its slots are subscribed to. */
import type { HandOffLog } from './hand-off-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { isRefusal } from '../errors/redis-errors.js';
import { logAttempts } from './subscriber-attempts.js';

export interface ShardNodeSettings {
  /** As the Cluster client calls it. */
  readonly address: string;
  readonly connection: RedisLike;
  readonly log: HandOffLog;
  readonly onMessage: (node: ShardNode, channel: string, message: string) => void;
}

/** What a channel is told of its node. */
export interface NodeListener {
  /** Connected: nothing is subscribed to yet. */
  onReady(): void;
  /** The connection is closed, and opened again by itself. */
  onDown(): void;
  /** A slot went to another node. Which one, ioredis does not say. */
  onMoved(): void;
  /** The server does not let us in. */
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
      // Told by the server, and not requested, that a slot is gone, ioredis 5 loses count of the replies.
      else if (this.ready) this.reconnect();
    });
    connection.on('smessage', (channel: string, message: string) => onMessage(this, channel, message));
    connection.connect().catch(() => undefined); // it tries again by itself, and says so by its events
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

  /** Settles at some time, or, with ioredis 5 and a slot that was moved, never. */
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
