/**
 * Sends a store's commands: each command is answered, or fails, within its time-out. The parts of the sender:
 * - {@link ConnectionState} knows whether commands can be sent.
 * - {@link CommandTimeouts} keeps the commands that wait for a reply.
 * - {@link ScriptRunner} writes scripts.
 * - {@link ClockReader} reads the server's clock.
 */
import type { Outage } from '../../../core/contracts/store.contract.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { afterRefresh, pauseBefore } from '../client/slots-refresh.js';
import { describe, isElsewhere, lostError } from '../errors/redis-errors.js';
import { ConnectionState } from '../health/connection-state.js';
import type { ConnectionTrouble } from '../health/connection-trouble.js';
import type { DatabaseGuard } from '../health/database-guard.js';
import type { Script } from '../scripts/script.js';
import type { Parameter } from '../scripts/scripts.js';
import { type Command, CommandTimeouts, type PendingCommand } from './command-timeouts.js';
import { isAutoPipelining, ScriptRun, ScriptRunner } from './script-runner.js';
import { ClockReader, ServerClock } from './server-clock.js';

export interface CommandSenderSettings {
  readonly client: RedisLike;
  readonly database: DatabaseGuard;
  /** How long each reply may take, in ms. */
  readonly commandTimeout: number;
  /** Whether the store opened the client. */
  readonly owned: boolean;
  /** Called when commands can be sent again after they could not. */
  readonly onRecovered: () => void;
}

/** The time by which a command is answered or has failed, on the monotonic clock. */
export type Until = number;

export class CommandSender {
  readonly client: RedisLike;
  readonly cluster: boolean;
  readonly clock = new ServerClock();
  readonly trouble: ConnectionTrouble;
  /** In ms. */
  readonly commandTimeout: number;
  readonly #connection: ConnectionState;
  readonly #timeouts: CommandTimeouts;
  readonly #scripts: ScriptRunner;
  readonly #clockReader: ClockReader;

  constructor({ client, database, commandTimeout, owned, onRecovered }: CommandSenderSettings) {
    this.client = client;
    this.cluster = client.isCluster === true;
    this.commandTimeout = commandTimeout;
    this.#timeouts = new CommandTimeouts(
      (doing) => this.trouble.silentError(doing),
      (until) => this.#connection.missedSince(until - commandTimeout),
      isAutoPipelining(client) ? commandTimeout : 0,
    );
    this.#connection = new ConnectionState(
      { client, database, commandTimeout, owned },
      {
        onReady: () => this.clock.forget(),
        onRecovered,
        // A command that was written may be written again, and has its time-out. A command that waits for the connection
        // fails now.
        onDown: () => this.#timeouts.failUnsent((doing) => this.trouble.downError(doing)),
        onForgotten: () => this.#timeouts.failAll(lostError),
      },
    );
    this.trouble = this.#connection.trouble;
    this.#scripts = new ScriptRunner(client, database);
    this.#clockReader = new ClockReader(
      this.clock,
      (until) => this.serverTime(until),
      () => this.until(),
    );
  }

  /** Whether commands fail at once, and are not sent. */
  get down(): boolean {
    return this.#connection.down;
  }

  /** The outage by which the latest command of the fence domain failed, if it may be over in a moment. */
  outageOf(domain: string): Outage | undefined {
    return this.#connection.outageOf(domain);
  }

  /** True while no command waits for a reply. */
  get idle(): boolean {
    return this.#timeouts.idle;
  }

  /** How often the connection was interrupted. A command that was under way then may have run twice. */
  get interruptions(): number {
    return this.#connection.interruptions;
  }

  /** The bound of a command that starts now. */
  until(): Until {
    return performance.now() + this.commandTimeout;
  }

  /** A time of the server, in µs, that the server's clock has reached by `until` at the latest. */
  serverTimeAt(until: Until): number {
    return this.clock.at(until);
  }

  /** Whether the server's clock is known. An old reading is renewed in the background. */
  isSynchronised(until: Until): boolean {
    return this.#clockReader.isSynchronised(until);
  }

  /** Resolves when the server's clock is known. @throws LockStoreError */
  synchronise(until: Until): Promise<void> {
    return this.#clockReader.read(until);
  }

  /** The server's time in µs. @throws LockStoreError */
  async serverTime(until: Until): Promise<number> {
    const reply = await new Promise((onReply, onFailure) => {
      const command = { until, doing: "reading the server's clock", key: undefined, onReply, onFailure };
      const pending = this.#begin(command);
      if (pending === undefined) return;
      this.client.call('TIME').then(
        (time) => this.answer(pending, time),
        (error: unknown) => this.fail(pending, error),
      );
    });
    const [seconds, micros] = reply as [unknown, unknown];
    return Number(seconds) * 1_000_000 + Number(micros);
  }

  /**
   * Runs a script.
   * @param doing a verb, for messages. The key follows it.
   * @param urgent the command must be written, and take effect at the server, before anything else happens in this
   * process.
   * @throws LockStoreError at `until` at the latest; at once while the connection is known to be down.
   */
  run(
    until: Until,
    doing: string,
    key: string,
    script: Script,
    parameters: readonly Parameter[],
    urgent = false,
  ): Promise<unknown> {
    return new Promise((onReply, onFailure) => {
      this.send({ until, doing, key, onReply, onFailure }, script, parameters, urgent);
    });
  }

  /** As {@link run}, with callbacks: a promise for each command would cost time. */
  send(command: Command, script: Script, parameters: readonly Parameter[], urgent = false): void {
    const pending = this.#begin(command);
    if (pending !== undefined) this.#scripts.run(new CommandRun(this, pending, script, parameters, urgent));
  }

  /** Sends several commands as one script, which replies with an array of their replies or errors. */
  sendAll(commands: readonly Command[], script: Script, parameters: readonly Parameter[]): void {
    const all = commands.map((command) => this.#begin(command)).filter((pending) => pending !== undefined);
    if (all.length === 0) return;
    this.#scripts.run(new BatchRun(this, all, script, parameters));
  }

  /** Stops listening, and fails the commands that wait for a reply. The client is not closed. */
  end(): void {
    this.#connection.end();
    this.#timeouts.end();
  }

  /** Starts the time-out of a command. If the connection is down, the command fails and nothing is returned. */
  #begin(command: Command): PendingCommand | undefined {
    if (!this.#connection.down) return this.#timeouts.add(command, this.#connection.open());
    command.onFailure(this.#connection.downError(describe(command.doing, command.key)));
    return undefined;
  }

  /**
   * In a Cluster, a node that does not serve the slot may have refused the command. If so, nothing has run, and the
   * command is sent again.
   */
  redirect(run: CommandRun, error: unknown): void {
    const { pending, attempt } = run;
    const { until } = pending.value;
    if (!this.cluster || !isElsewhere(error) || performance.now() + pauseBefore(attempt) >= until) {
      return this.fail(pending, error);
    }
    run.attempt += 1;
    afterRefresh(this.client, attempt, () => {
      if (pending.listed) this.#scripts.run(run);
    });
  }

  answer(pending: PendingCommand, reply: unknown): void {
    this.#connection.heard();
    if (reply instanceof Error) this.fail(pending, reply);
    else if (this.#timeouts.settle(pending)) pending.value.onReply(reply);
  }

  fail(pending: PendingCommand, error: unknown): void {
    this.#connection.heard();
    const command = pending.value;
    const { doing, key } = command;
    if (this.#timeouts.settle(pending))
      command.onFailure(this.trouble.storeError(describe(doing, key), error));
  }
}

/** A script that is one command. */
class CommandRun extends ScriptRun {
  /** How often the command was sent again. */
  attempt = 0;

  constructor(
    readonly sender: CommandSender,
    readonly pending: PendingCommand,
    script: Script,
    parameters: readonly Parameter[],
    urgent: boolean,
  ) {
    super(script, parameters, urgent);
  }

  onReply(reply: unknown): void {
    this.sender.answer(this.pending, reply);
  }

  onFailure(error: unknown): void {
    this.sender.redirect(this, error);
  }
}

/** A script that is several commands. */
class BatchRun extends ScriptRun {
  constructor(
    readonly sender: CommandSender,
    readonly all: readonly PendingCommand[],
    script: Script,
    parameters: readonly Parameter[],
  ) {
    super(script, parameters, false);
  }

  onReply(replies: unknown): void {
    this.all.forEach((pending, i) => this.sender.answer(pending, (replies as unknown[])[i]));
  }

  onFailure(error: unknown): void {
    this.all.forEach((pending) => this.sender.fail(pending, error));
  }
}
