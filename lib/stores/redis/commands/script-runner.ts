/** Runs a script at the server: by its digest, or by its source if the server does not know the script. */
import type { RedisLike } from '../client/redis-client.interface.js';
import type { DatabaseGuard } from '../health/database-guard.js';
import { type Script, isUnknownScript } from '../scripts/script.js';
import type { Parameter } from '../scripts/scripts.js';

export interface ScriptCall {
  readonly script: Script;
  /** The number of keys, the keys and the arguments. */
  readonly parameters: readonly Parameter[];
  /** The command must be written, and take effect at the server, before anything else happens in this process. */
  readonly urgent: boolean;
}

export class ScriptRunner {
  readonly #client: RedisLike;
  readonly #database: DatabaseGuard;
  readonly #autoPipelining: boolean;

  constructor(client: RedisLike, database: DatabaseGuard) {
    this.#client = client;
    this.#database = database;
    this.#autoPipelining =
      (client.options as { enableAutoPipelining?: boolean }).enableAutoPipelining === true;
  }

  /** Calls back with the reply or the error of the server or of ioredis. */
  run(
    { script, parameters, urgent }: ScriptCall,
    onReply: (reply: unknown) => void,
    onError: (error: unknown) => void,
  ): void {
    const client = urgent && this.#autoPipelining ? unpipelined(this.#client) : this.#client;
    const { sha, source } = this.#database.script(script);
    // By digest, a second command would be needed if the server does not know the script. This process might read the
    // first reply too late.
    if (urgent) return void client.call('EVAL', source, ...parameters).then(onReply, onError);
    client.call('EVALSHA', sha, ...parameters).then(onReply, (error: unknown) => {
      if (isUnknownScript(error)) client.call('EVAL', source, ...parameters).then(onReply, onError);
      else onError(error);
    });
  }
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
