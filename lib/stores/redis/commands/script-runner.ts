/** Runs a script at the server: by its digest, or by its source if the server does not know the script. */
import { CommandWriter, type ReplyReceiver } from '../client/command-writer.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import type { DatabaseGuard } from '../health/database-guard.js';
import { type Script, isUnknownScript } from '../scripts/script.js';
import type { Parameter } from '../scripts/scripts.js';

/** One run of a script, and the receiver of its outcome. */
export abstract class ScriptRun implements ReplyReceiver {
  /** Set until the source has been sent. */
  runner: ScriptRunner | undefined;

  /**
   * @param parameters the number of keys, the keys and the arguments.
   * @param urgent the command must be written, and take effect at the server, before anything else happens in this
   * process.
   */
  constructor(
    readonly script: Script,
    readonly parameters: readonly Parameter[],
    readonly urgent: boolean,
  ) {}

  abstract onReply(reply: unknown): void;

  /** @param error of the server or of ioredis. */
  abstract onFailure(error: unknown): void;

  onError(error: unknown): void {
    const { runner } = this;
    this.runner = undefined;
    if (runner !== undefined && isUnknownScript(error)) runner.evaluate(this);
    else this.onFailure(error);
  }
}

/** Whether the client may write a command later than it is sent. */
export function isAutoPipelining(client: RedisLike): boolean {
  return (client.options as { enableAutoPipelining?: boolean }).enableAutoPipelining === true;
}

export class ScriptRunner {
  readonly #client: RedisLike;
  readonly #database: DatabaseGuard;
  readonly #autoPipelining: boolean;
  readonly #writer: CommandWriter;

  constructor(client: RedisLike, database: DatabaseGuard) {
    this.#client = client;
    this.#database = database;
    this.#writer = new CommandWriter(client);
    this.#autoPipelining = isAutoPipelining(client);
  }

  run(run: ScriptRun): void {
    // By digest, a second command would be needed if the server does not know the script. This process might read the
    // first reply too late.
    if (run.urgent) return this.evaluate(run);
    run.runner = this;
    const { sha } = this.#database.script(run.script);
    if (!this.#writer.send(sha, run.parameters, run))
      deliver(this.#client.call('EVALSHA', sha, ...run.parameters), run);
  }

  /** Sends the source. */
  evaluate(run: ScriptRun): void {
    const client = run.urgent && this.#autoPipelining ? unpipelined(this.#client) : this.#client;
    deliver(client.call('EVAL', this.#database.script(run.script).source, ...run.parameters), run);
  }
}

function deliver(outcome: Promise<unknown>, run: ScriptRun): void {
  outcome.then(
    (reply) => run.onReply(reply),
    (error: unknown) => run.onError(error),
  );
}

/** Auto-pipelining delays a command until the previous batch is answered. An explicit pipeline is written at once. */
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
