/** Keeps locks out of every database but the one that the client's options name. */
import { type LockStoreError, redactError } from '../../../errors/index.js';
import { onClient } from '../client/client-events.js';
import type { DatabaseVerdicts } from '../client/connection-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { type Script, defineScript } from '../scripts/script.js';
import { databaseError, selectFailed } from '../client/redis-errors.js';

/** A database that was refused is tried again after this long, in ms. */
const RETRY = 2_000;

interface DatabaseOptions {
  readonly db?: unknown;
  readonly redisOptions?: { readonly db?: unknown };
}

/**
 * ioredis selects the database on each connection, and goes on in database 0 when the server refuses it. There are two
 * guards. A SELECT of our own is awaited on each connection: if it is refused, calls fail at once, and the log says why.
 * Each script selects the database itself: ioredis writes commands that waited for the connection before anybody can learn
 * whether the database was refused, and the application may call `select()` on a client of its own at any time.
 *
 * Database 0 needs neither: a new connection begins in it.
 */
export class DatabaseGuard implements DatabaseVerdicts {
  /** The database that locks are in. */
  readonly number: number;
  /** Told of the reply to each SELECT, with what the server said if it refused. */
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
        `The client given as "redis" does not tell its database (its option "db" is ${String(given)}), so that it cannot be ` +
          'verified. Make sure that all processes lock in the same database.',
      );
    }
    const { select } = (client as { condition?: { select?: unknown } | null }).condition ?? {};
    if (typeof select === 'number') this.#onSelect(select);
    this.#stops.push(onClient(client, 'select', this.#onSelect));
    if (!this.#selects) return;
    this.#stops.push(onClient(client, 'ready', this.#onReady), onClient(client, 'close', this.#onClose));
    if (client.status === 'ready') this.#onReady();
  }

  /** Is each connection to be verified before it counts as usable? */
  get verifies(): boolean {
    return this.number !== 0 && !this.#moved;
  }

  /** Did the server refuse the database? */
  get refused(): boolean {
    return this.#refusal !== undefined;
  }

  /** The error of what cannot be done while the database is refused. */
  errorOf(doing: string): LockStoreError {
    return databaseError(doing, this.number, this.#refusal?.cause);
  }

  /** The script as it is to be run: in the database, whichever one the connection is in. */
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
    // A SELECT of ours would take the application's own commands elsewhere.
    if (!this.verifies) return;
    const attempt = (this.#attempt += 1);
    this.#client.call('SELECT', String(this.number)).then(
      () => {
        if (attempt === this.#attempt) this.#judge(undefined);
      },
      (cause: unknown) => {
        // The reply is of a connection that is gone.
        if (attempt !== this.#attempt) return;
        // Only the server refuses; a client that released waiting has learnt nothing.
        if (isReply(cause)) this.#judge({ cause: redactError(cause) });
        this.#timer = setTimeout(() => {
          if (this.#client.status === 'ready') this.#onReady();
        }, RETRY).unref();
      },
    );
  };

  readonly #onClose = (): void => {
    // Never ready before: ioredis tells the reason to the application alone.
    if (this.#client.isCluster === true && this.#attempt === 0) {
      this.#warn(
        `The Cluster did not connect with database ${this.number}: a Redis Cluster has database 0 alone. If that is why, ` +
          'leave "db" out of its "redisOptions".',
      );
    }
    this.#forget();
  };

  /** What was requested on this connection is of no interest any more. */
  #forget(): void {
    this.#attempt += 1;
    clearTimeout(this.#timer);
  }

  /** ioredis says so before it writes what follows the SELECT. */
  readonly #onSelect = (number: number): void => {
    if (this.#moved || number === this.number) return;
    this.#moved = true;
    this.#selects = true;
    // Nothing requests any more whether it can be selected: each script does, and says so.
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

/** What a script begins with. A SELECT within a script leaves the connection where it is. */
function selectFirst(number: number): string {
  return `
do
  local selected = redis.pcall('SELECT', '${number}')
  if selected.err then return redis.error_reply('${selectFailed(number)}' .. selected.err) end
end
`;
}
