/** The connection that a store's commands go over: their time-outs, whether it is down, and the server's clock. */
import { runOutside } from '../../../core/time/outside.js';
import type { Outage } from '../../../core/contracts/store.contract.js';
import type { DatabaseGuard } from '../health/database-guard.js';
import { type Command, CommandTimeouts, type Watching } from './command-timeouts.js';
import { onClient } from '../client/client-events.js';
import { ConnectionTrouble } from '../health/connection-trouble.js';
import { NodeConnections } from '../health/node-connections.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';
import { type Script, isUnknownScript } from '../scripts/script.js';
import { ServerClock } from './server-clock.js';
import { SilenceWatch } from '../health/silence-watch.js';
import { afterRefresh, pauseBefore } from '../client/slots-refresh.js';
import { describe, isElsewhere, lostError } from '../errors/redis-errors.js';

/** The server's clock is read again after this long, in ms: two quartz clocks part by some ms a minute. */
const CLOCK_AGE = 30_000;

export interface CommandSenderSettings {
  readonly client: RedisLike;
  readonly database: DatabaseGuard;
  /** In ms. */
  readonly commandTimeout: number;
  /** Did we open the client? */
  readonly owned: boolean;
  /** The connection is ready again after it was not. */
  readonly onRecovered: () => void;
}

/** A connection may be silent for so many time-outs of a command, and for this long at least, in ms. */
const SILENCE = { timeouts: 2, least: 5_000 };

/** Until when a verb may take, on the monotonic clock. */
export type Until = number;

export class CommandSender {
  readonly client: RedisLike;
  readonly cluster: boolean;
  readonly clock = new ServerClock();
  readonly trouble: ConnectionTrouble;
  readonly #settings: CommandSenderSettings;
  readonly #autoPipelining: boolean;
  readonly #watch: CommandTimeouts;
  /** Of a connection that we opened. That of the application's own client is the application's. */
  readonly #silence: SilenceWatch | undefined;
  readonly #database: DatabaseGuard;
  readonly #nodes: NodeConnections | undefined;
  readonly #stops: ReadonlyArray<() => void>;
  #interruptions = 0;
  #down: boolean;
  #reading: Promise<void> | undefined;

  constructor(settings: CommandSenderSettings) {
    const { client, owned, commandTimeout } = settings;
    this.#settings = settings;
    this.client = client;
    this.#database = settings.database;
    this.#database.onRecovered = settings.onRecovered;
    this.trouble = new ConnectionTrouble(client, commandTimeout, () => this.#onDown());
    if (owned)
      this.#silence = new SilenceWatch(client, Math.max(SILENCE.timeouts * commandTimeout, SILENCE.least));
    this.#watch = new CommandTimeouts(
      (doing) => this.trouble.silentError(doing),
      (until) => this.#silence?.expect(until - commandTimeout),
    );
    this.cluster = client.isCluster === true;
    this.#down = ['close', 'reconnecting', 'end'].includes(client.status);
    this.#autoPipelining =
      (client.options as { enableAutoPipelining?: boolean }).enableAutoPipelining === true;
    this.#nodes = this.cluster
      ? new NodeConnections(client as ClusterLike, () => (this.#interruptions += 1))
      : undefined;
    this.#stops = [
      onClient(client, 'ready', this.#onReady),
      onClient(client, 'close', this.#onClose),
      onClient(client, 'end', this.#onClose),
    ];
  }

  /** Is it known to be down? What is run then fails at once, and nothing is sent. */
  get down(): boolean {
    return this.#down || this.#database.refused;
  }

  /** What the fence domain's latest command failed by, if it may be over in a moment. A database that is refused is not. */
  outageOf(domain: string): Outage | undefined {
    return this.#database.refused ? undefined : this.trouble.outageOf(domain, this.#down);
  }

  /** Is no reply waited for? */
  get idle(): boolean {
    return this.#watch.idle;
  }

  /** How often the connection was interrupted: what was under way then may have run twice. */
  get interruptions(): number {
    return this.#interruptions;
  }

  /** In ms. */
  get commandTimeout(): number {
    return this.#settings.commandTimeout;
  }

  /** A verb's bound, from now. */
  until(): Until {
    return performance.now() + this.#settings.commandTimeout;
  }

  /** The server's time in µs that the end of the bound surely comes after. */
  serverTimeAt(until: Until): number {
    return this.clock.at(until);
  }

  /** Is the server's clock known? Reads it again in the background when the reading will be old by then. */
  isSynchronised(until: Until): boolean {
    if (!this.clock.known) return false;
    if (until - this.clock.readAt > CLOCK_AGE && this.#reading === undefined) {
      this.synchronise(this.until()).catch(() => undefined); // the old reckoning serves until then
    }
    return true;
  }

  /** Knows the server's clock when it resolves. @throws LockStoreError */
  synchronise(until: Until): Promise<void> {
    const sentAt = performance.now();
    this.#reading ??= runOutside(() => this.serverTime(until))
      .then((time) => this.clock.set(time, sentAt))
      .finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** The server's time in µs. @throws LockStoreError */
  async serverTime(until: Until): Promise<number> {
    const reply = await new Promise((onReply, onFailure) => {
      const command = { until, doing: "reading the server's clock", key: undefined, onReply, onFailure };
      const watching = this.#begin(command);
      if (watching === undefined) return;
      this.client.call('TIME').then(
        (time) => this.#answer(watching, time),
        (error: unknown) => this.#fail(watching, error),
      );
    });
    const [seconds, micros] = reply as [unknown, unknown];
    return Number(seconds) * 1_000_000 + Number(micros);
  }

  /**
   * Runs a script.
   * @param doing a verb, and the key it is about: for messages.
   * @param urgent it must be written, and take effect at the server, before anything else happens here.
   * @throws LockStoreError at `until` at the latest; at once while the connection is known to be down.
   */
  run(
    until: Until,
    doing: string,
    key: string,
    script: Script,
    parameters: readonly string[],
    urgent = false,
  ): Promise<unknown> {
    return new Promise((onReply, onFailure) => {
      this.send({ until, doing, key, onReply, onFailure }, script, parameters, urgent);
    });
  }

  /** As {@link run}, for those to whom a promise is too much. */
  send(command: Command, script: Script, parameters: readonly string[], urgent = false): void {
    const watching = this.#begin(command);
    if (watching === undefined) return;
    this.#evaluate(
      script,
      parameters,
      urgent,
      (reply) => this.#answer(watching, reply),
      (error) => this.#redirect(watching, error, script, parameters, urgent),
    );
  }

  /** Several commands that one script sees to: it replies with an array of their replies, or errors. */
  sendAll(commands: readonly Command[], script: Script, parameters: readonly string[]): void {
    const all = commands.flatMap((command) => this.#begin(command) ?? []);
    if (all.length === 0) return;
    this.#evaluate(
      script,
      parameters,
      false,
      (replies) => all.forEach((watching, i) => this.#answer(watching, (replies as unknown[])[i])),
      (error) => all.forEach((watching) => this.#fail(watching, error)),
    );
  }

  /** Stops listening. The client is not closed. */
  end(): void {
    for (const stop of this.#stops) stop();
    this.#nodes?.end();
    this.#silence?.end();
    this.trouble.end();
    this.#watch.end();
  }

  /** Fails the command if the connection is known to be down, or known to be in no database for locks. */
  #begin(command: Command): Watching | undefined {
    if (!this.#down && !this.#database.refused) return this.#watch.add(command, this.#connecting());
    const doing = describe(command.doing, command.key);
    const refused = this.#database.refused;
    command.onFailure(refused ? this.#database.errorOf(doing) : this.trouble.downError(doing));
    return undefined;
  }

  /** Is the connection still to come? The command would open it by itself, in the async context of its caller. */
  #connecting(): boolean {
    const { client } = this;
    this.#nodes?.open();
    if (client.status === 'ready') return false;
    // Its failure comes with the client's events.
    if (client.status === 'wait') void runOutside(() => client.connect().catch(() => undefined));
    return true;
  }

  #evaluate(
    script: Script,
    parameters: readonly string[],
    urgent: boolean,
    onReply: (reply: unknown) => void,
    onError: (error: unknown) => void,
  ): void {
    const client = urgent && this.#autoPipelining ? unpipelined(this.client) : this.client;
    const { sha, source } = this.#database.script(script);
    // A server that does not know the script would say so, and the reply may lie unread until it is too late.
    if (urgent) return void client.call('EVAL', source, ...parameters).then(onReply, onError);
    client.call('EVALSHA', sha, ...parameters).then(onReply, (error: unknown) => {
      if (isUnknownScript(error)) client.call('EVAL', source, ...parameters).then(onReply, onError);
      else onError(error);
    });
  }

  #answer(watching: Watching, reply: unknown): void {
    this.#silence?.heard();
    if (reply instanceof Error) this.#fail(watching, reply);
    else if (this.#watch.settle(watching)) watching.value.command.onReply(reply);
  }

  #fail(watching: Watching, error: unknown): void {
    this.#silence?.heard();
    const { command } = watching.value;
    const { doing, key } = command;
    if (this.#watch.settle(watching)) command.onFailure(this.trouble.storeError(describe(doing, key), error));
  }

  /** In a Cluster, a node may have refused it that does not serve the slot: nothing has run, and it is sent again. */
  #redirect(
    watching: Watching,
    error: unknown,
    script: Script,
    parameters: readonly string[],
    urgent: boolean,
    attempt = 0,
  ): void {
    const { until } = watching.value.command;
    if (!this.cluster || !isElsewhere(error) || performance.now() + pauseBefore(attempt) >= until) {
      return this.#fail(watching, error);
    }
    afterRefresh(this.client, attempt, () => {
      if (!watching.listed) return;
      const onReply = (reply: unknown): void => this.#answer(watching, reply);
      const onError = (again: unknown): void =>
        this.#redirect(watching, again, script, parameters, urgent, attempt + 1);
      this.#evaluate(script, parameters, urgent, onReply, onError);
    });
  }

  readonly #onReady = (): void => {
    const recovered = this.#down;
    this.#down = false;
    this.trouble.connected();
    // It may be another server now.
    this.clock.forget();
    if (recovered) this.#settings.onRecovered();
  };

  readonly #onClose = (): void => {
    this.trouble.disconnected();
    this.#interruptions += 1;
    this.#onDown();
    if (this.trouble.forgets) this.#watch.failSent(lostError);
  };

  /** What was sent may be sent again once the connection is back, and has its time-out; what waited for one fails now. */
  #onDown(): void {
    this.#down = true;
    this.#watch.failUnsent((doing) => this.trouble.downError(doing));
  }
}

/** Auto-pipelining holds a command back until the replies of the former batch are in; an explicit pipeline does not. */
function unpipelined(client: RedisLike): Pick<RedisLike, 'call'> {
  return {
    async call(command, ...args: unknown[]) {
      const results = await client.pipeline([['call', command, ...args]]).exec();
      const [error, reply] = results?.[0] ?? [new Error('The pipeline was discarded.'), undefined];
      if (error) throw error;
      return reply;
    },
  };
}
