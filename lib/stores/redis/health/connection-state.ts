/** Whether commands can be sent now: follows the client's events, and tells the sender of commands what they mean. */
import { runOutside } from '../../../core/time/outside.js';
import type { Outage } from '../../../core/contracts/store.contract.js';
import type { LockStoreError } from '../../../errors/index.js';
import { onClient } from '../client/client-events.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';
import { ConnectionTrouble } from './connection-trouble.js';
import type { DatabaseGuard } from './database-guard.js';
import { NodeConnections } from './node-connections.js';
import { SilenceWatch } from './silence-watch.js';

/** A connection may be silent for this many command time-outs, and for at least this long, in ms. */
const SILENCE = { timeouts: 2, least: 5_000 };

export interface ConnectionStateSettings {
  readonly client: RedisLike;
  readonly database: DatabaseGuard;
  /** How long each reply may take, in ms. */
  readonly commandTimeout: number;
  /** Whether the store opened the client, so that the store may also end a silent connection. */
  readonly owned: boolean;
}

/** The sender of commands. */
export interface ConnectionListener {
  /** The connection is ready. It may lead to another server than before. */
  onReady(): void;
  /** The connection is ready, or the database can be selected, after locks could not be used. */
  onRecovered(): void;
  /** The connection is down: commands that wait for it are not written soon. May be called again while it is down. */
  onDown(): void;
  /** The connection ended, and the client does not write unanswered commands again. */
  onForgotten(): void;
}

export class ConnectionState {
  /** Why the connection does not answer, and since when. */
  readonly trouble: ConnectionTrouble;
  readonly #client: RedisLike;
  readonly #database: DatabaseGuard;
  readonly #listener: ConnectionListener;
  /** Present if the store opened the client. The application is responsible for its own client. */
  readonly #silence: SilenceWatch | undefined;
  readonly #nodes: NodeConnections | undefined;
  readonly #stops: ReadonlyArray<() => void>;
  #interruptions = 0;
  #down: boolean;

  constructor(settings: ConnectionStateSettings, listener: ConnectionListener) {
    const { client, database, commandTimeout, owned } = settings;
    this.#client = client;
    this.#database = database;
    this.#listener = listener;
    database.onRecovered = () => listener.onRecovered();
    this.trouble = new ConnectionTrouble(client, commandTimeout, () => this.#onDown());
    if (owned)
      this.#silence = new SilenceWatch(client, Math.max(SILENCE.timeouts * commandTimeout, SILENCE.least));
    this.#down = ['close', 'reconnecting', 'end'].includes(client.status);
    this.#nodes =
      client.isCluster === true
        ? new NodeConnections(client as ClusterLike, () => (this.#interruptions += 1))
        : undefined;
    this.#stops = [
      onClient(client, 'ready', this.#onReady),
      onClient(client, 'close', this.#onClose),
      onClient(client, 'end', this.#onClose),
    ];
  }

  /** Whether no command can be sent: the connection is known to be down, or the server refuses the database. */
  get down(): boolean {
    return this.#down || this.#database.refused;
  }

  /** The error of a command that is not sent because the connection is {@link down}. */
  downError(doing: string): LockStoreError {
    return this.#database.refused ? this.#database.errorOf(doing) : this.trouble.downError(doing);
  }

  /**
   * How often the connection, or one to a node of a Cluster, was interrupted. A command that was under way then may have
   * run twice.
   */
  get interruptions(): number {
    return this.#interruptions;
  }

  /** The outage by which the latest command of the fence domain failed. A refused database is not an outage. */
  outageOf(domain: string): Outage | undefined {
    return this.#database.refused ? undefined : this.trouble.outageOf(domain, this.#down);
  }

  /**
   * To be called before each command. Opens connections that the command would open by itself, in the async context of
   * the command's caller.
   * @returns whether the command has to wait for the connection.
   */
  open(): boolean {
    this.#nodes?.open();
    if (this.#client.status === 'ready') return false;
    // A failure is reported by the client's events.
    if (this.#client.status === 'wait') void runOutside(() => this.#client.connect().catch(() => undefined));
    return true;
  }

  /** A reply arrived. */
  heard(): void {
    this.#silence?.heard();
  }

  /** A reply has been missing since this time of the monotonic clock. */
  missedSince(since: number): void {
    this.#silence?.expect(since);
  }

  /** Stops listening. The client is not closed. */
  end(): void {
    for (const stop of this.#stops) stop();
    this.#nodes?.end();
    this.#silence?.end();
    this.trouble.end();
  }

  readonly #onReady = (): void => {
    const recovered = this.#down;
    this.#down = false;
    this.trouble.connected();
    this.#listener.onReady();
    if (recovered) this.#listener.onRecovered();
  };

  readonly #onClose = (): void => {
    this.trouble.disconnected();
    this.#interruptions += 1;
    this.#onDown();
    if (this.trouble.forgets) this.#listener.onForgotten();
  };

  #onDown(): void {
    this.#down = true;
    this.#listener.onDown();
  }
}
