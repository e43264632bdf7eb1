/** The connection that a store's commands go over: their time-outs, whether it is down, and the server's clock. */
import { type Command, CommandWatch, type Watching } from './command-watch.js';
import type { RedisLike } from './redis-client.interface.js';
import { type Script, isUnknownScript } from './scripts/script.js';
import { ServerClock } from './server-clock.js';
import { describe, downError, storeError } from './store-errors.js';

/** The server's clock is read again after this long, in ms: two quartz clocks part by some ms a minute. */
const CLOCK_AGE = 30_000;

export interface RedisLinkSettings {
  readonly client: RedisLike;
  /** In ms. */
  readonly commandTimeout: number;
  /** Did we open the client? */
  readonly owned: boolean;
  /** The connection is ready again after it was not. */
  readonly onRecovered: () => void;
}

/** Until when a verb may take, on the monotonic clock. */
export type Until = number;

export class RedisLink {
  readonly client: RedisLike;
  readonly cluster: boolean;
  readonly clock = new ServerClock();
  readonly #settings: RedisLinkSettings;
  readonly #autoPipelining: boolean;
  readonly #watch: CommandWatch;
  #interruptions = 0;
  #down: boolean;
  #lastError: unknown;
  #reading: Promise<void> | undefined;

  constructor(settings: RedisLinkSettings) {
    const { client, owned } = settings;
    this.#settings = settings;
    this.client = client;
    this.#watch = new CommandWatch(settings.commandTimeout);
    this.cluster = client.isCluster === true;
    this.#down = ['close', 'reconnecting', 'end'].includes(client.status);
    this.#autoPipelining =
      (client.options as { enableAutoPipelining?: boolean }).enableAutoPipelining === true;
    client.on('ready', this.#onReady);
    client.on('close', this.#onClose);
    client.on('end', this.#onClose);
    // To listen on the application's client would keep ioredis from reporting errors that nobody handles.
    if (owned) client.on('error', this.#onError);
  }

  /** Is it known to be down? What is run then fails at once, and nothing is sent. */
  get down(): boolean {
    return this.#down;
  }

  /** Is no reply waited for? */
  get idle(): boolean {
    return this.#watch.idle;
  }

  /** How often the connection was interrupted: what was under way then may have run twice. */
  get interruptions(): number {
    return this.#interruptions;
  }

  /** A verb's bound, from now. */
  until(): Until {
    return performance.now() + this.#settings.commandTimeout;
  }

  /** When a verb with this bound began. */
  begunAt(until: Until): number {
    return until - this.#settings.commandTimeout;
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
    const askedAt = performance.now();
    this.#reading ??= this.serverTime(until)
      .then((time) => this.clock.set(time, askedAt))
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
   * @param urgent it must be written before anything else happens.
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
      (error) => this.#fail(watching, error),
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
    this.client.off('ready', this.#onReady);
    this.client.off('close', this.#onClose);
    this.client.off('end', this.#onClose);
    this.#watch.end();
  }

  /** Fails the command if the connection is known to be down. */
  #begin(command: Command): Watching | undefined {
    if (!this.#down) return this.#watch.add(command, this.client.status !== 'ready');
    command.onFailure(downError(describe(command.doing, command.key), this.#lastError));
    return undefined;
  }

  #evaluate(
    script: Script,
    parameters: readonly string[],
    urgent: boolean,
    onReply: (reply: unknown) => void,
    onError: (error: unknown) => void,
  ): void {
    const client = urgent && this.#autoPipelining ? unpipelined(this.client) : this.client;
    client.call('EVALSHA', script.sha, ...parameters).then(onReply, (error: unknown) => {
      if (isUnknownScript(error)) client.call('EVAL', script.source, ...parameters).then(onReply, onError);
      else onError(error);
    });
  }

  #answer(watching: Watching, reply: unknown): void {
    if (reply instanceof Error) this.#fail(watching, reply);
    else if (this.#watch.settle(watching)) watching.value.command.onReply(reply);
  }

  #fail(watching: Watching, error: unknown): void {
    const { command } = watching.value;
    const { doing, key } = command;
    if (this.#watch.settle(watching)) command.onFailure(storeError(describe(doing, key), error));
  }

  readonly #onReady = (): void => {
    const recovered = this.#down;
    this.#down = false;
    this.#lastError = undefined;
    // It may be another server now.
    this.clock.forget();
    if (recovered) this.#settings.onRecovered();
  };

  readonly #onClose = (): void => {
    this.#down = true;
    this.#interruptions += 1;
    // What was sent may be sent again once the connection is back, and has its time-out; what waited for a connection
    // that did not come fails now.
    this.#watch.failUnsent((doing) => downError(doing, this.#lastError));
  };

  readonly #onError = (error: unknown): void => {
    this.#lastError = error;
  };
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
