/** Makes sure that locks are only in the database that the client's options name. */
import { type LockStoreError, redactError } from '../../../errors/index.js';
import { onClient } from '../client/client-events.js';
import type { DatabaseVerdicts } from './connection-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { type Script, defineScript } from '../scripts/script.js';
import { databaseError, selectFailed } from '../errors/redis-errors.js';

/** The time after which a refused database is tried again, in ms. */
const RETRY = 2_000;

interface DatabaseOptions {
  readonly db?: unknown;
  readonly redisOptions?: { readonly db?: unknown };
}

/**
 * ioredis selects the database on each connection. If the server refuses the database, ioredis continues in database 0.
 * So there are two guards.
 *
 * The first guard sends a SELECT of its own on each connection. If the server refuses that SELECT, calls fail at once,
 * and the log says why. The second guard is that each script selects the database itself. It is needed for two reasons.
 * ioredis writes the commands that waited for the connection before the reply to the SELECT arrives. And the
 * application may call `select()` on its own client at any time.
 *
 * Database 0 needs no guard: a new connection begins in database 0.
 */
export class DatabaseGuard implements DatabaseVerdicts {
  /** The database of the locks. */
  readonly number: number;
  /** Called after each SELECT, with the server's error if the server refused the database. */
  onVerdict: ((refusal: unknown) => void) | undefined;
  /** Called when the database can be selected again. */
  onRecovered: (() => void) | undefined;
  readonly #client: RedisLike;
  readonly #warn: (message: string) => void;
  readonly #scripts = new Map<Script, Script>();
  readonly #stops: Array<() => void> = [];
  #refusal: { readonly cause: unknown } | undefined;
  #selects: boolean;
  #moved = false;
  #attempt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: RedisLike, warn: (message: string) => void) {
    this.#client = client;
    this.#warn = warn;
    const { db, redisOptions } = client.options as DatabaseOptions;
    const given = client.isCluster === true ? (redisOptions?.db ?? 0) : db;
    const number = Number(given ?? 0);
    this.number = Number.isInteger(number) ? number : 0;
    this.#selects = this.number !== 0;
    if (given === undefined || !Number.isInteger(number)) {
      warn(
        `The client given as "redis" does not tell its database (its option "db" is ${String(given)}), so the database cannot ` +
          'be verified. Make sure that all processes use the same database for locks.',
      );
    }
    const { select } = (client as { condition?: { select?: unknown } | null }).condition ?? {};
    if (typeof select === 'number') this.#onSelect(select);
    this.#stops.push(onClient(client, 'select', this.#onSelect));
    if (!this.#selects) return;
    this.#stops.push(onClient(client, 'ready', this.#onReady), onClient(client, 'close', this.#onClose));
    if (client.status === 'ready') this.#onReady();
  }

  /** Whether a connection counts as usable only after its SELECT succeeded. */
  get verifies(): boolean {
    return this.number !== 0 && !this.#moved;
  }

  /** Whether the server refused the database. */
  get refused(): boolean {
    return this.#refusal !== undefined;
  }

  /** The error of a command that is not sent because the database is refused. */
  errorOf(doing: string): LockStoreError {
    return databaseError(doing, this.number, this.#refusal?.cause);
  }

  /** The script in the form in which it runs: it selects the database of the locks first, if that is necessary. */
  script(script: Script): Script {
    if (!this.#selects) return script;
    let selecting = this.#scripts.get(script);
    if (selecting === undefined) {
      selecting = defineScript(`${selectFirst(this.number)}${script.source}`);
      this.#scripts.set(script, selecting);
    }
    return selecting;
  }

  /** Stops listening. */
  end(): void {
    this.#forget();
    for (const stop of this.#stops.splice(0)) stop();
  }

  readonly #onReady = (): void => {
    clearTimeout(this.#timer);
    // After the application called `select()`, a SELECT would move the application's own commands to another database.
    if (!this.verifies) return;
    const attempt = (this.#attempt += 1);
    this.#client.call('SELECT', String(this.number)).then(
      () => {
        if (attempt === this.#attempt) this.#judge(undefined);
      },
      (cause: unknown) => {
        // This is the reply of an earlier connection.
        if (attempt !== this.#attempt) return;
        // Only an error of the server is a refusal. An error of ioredis says nothing about the database.
        if (isReply(cause)) this.#judge({ cause: redactError(cause) });
        this.#timer = setTimeout(() => {
          if (this.#client.status === 'ready') this.#onReady();
        }, RETRY).unref();
      },
    );
  };

  readonly #onClose = (): void => {
    // The client was never ready. ioredis reports the reason to the application only.
    if (this.#client.isCluster === true && this.#attempt === 0) {
      this.#warn(
        `The Cluster did not connect with database ${this.number}: a Redis Cluster has database 0 alone. If this is the ` +
          'reason, remove "db" from its "redisOptions".',
      );
    }
    this.#forget();
  };

  /** The reply to the SELECT under way is ignored: it belongs to a connection that ended. */
  #forget(): void {
    this.#attempt += 1;
    clearTimeout(this.#timer);
  }

  /** ioredis emits this event before it writes the commands after the SELECT. */
  readonly #onSelect = (number: number): void => {
    if (this.#moved || number === this.number) return;
    this.#moved = true;
    this.#selects = true;
    // From now on only the scripts select the database, and report if the server refuses it.
    this.#refusal = undefined;
    this.#warn(
      `The client given as "redis" was moved to database ${number} by select(). Locks stay in database ${this.number}, which ` +
        `its option "db" names. If they should be in ${number}, make the client with { db: ${number} }.`,
    );
  };

  #judge(refusal: { cause: unknown } | undefined): void {
    const recovered = this.refused && refusal === undefined;
    this.#refusal = refusal;
    this.onVerdict?.(refusal?.cause);
    if (recovered) this.onRecovered?.();
  }
}

function isReply(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'ReplyError';
}

/** The beginning of each script. A SELECT within a script does not change the database of the connection. */
function selectFirst(number: number): string {
  return `
do
  local selected = redis.pcall('SELECT', '${number}')
  if selected.err then return redis.error_reply('${selectFailed(number)}' .. selected.err) end
end
`;
}
