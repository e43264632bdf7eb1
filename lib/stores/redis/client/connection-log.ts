/** Says once that Redis went away, and once that it is back. */
import { onClient } from './client-events.js';
import type { RedisLike } from './redis-client.interface.js';
import { printable, redactError } from '../../../errors/index.js';
import { ENDED, Ending } from './reconnection.js';
import { isSentinelRound, watchSentinels } from './sentinel-watch.js';

export interface ConnectionLog {
  warn(message: string): void;
  log(message: string): void;
}

export interface ConnectionWatch {
  /** Has it been said that Redis is away? */
  readonly down: boolean;
  end(): void;
}

/** Whether the connection is in the database of the locks. */
export interface DatabaseVerdicts {
  readonly number: number;
  /** Is each connection to be verified before it counts as usable? */
  readonly verifies: boolean;
  /** To be called for each connection, with what the server said if it refused the database. */
  onVerdict: ((refusal: unknown) => void) | undefined;
}

/**
 * @param owned with one that we opened, its `error` events are taken too, which would otherwise be printed one by
 * one. Those of the application's own are the application's: listening there would silence ioredis for it.
 * @param database Redis answers only once it has selected the database of the locks.
 */
export function watchConnection(
  client: RedisLike,
  log: ConnectionLog,
  { owned, database }: { owned: boolean; database?: DatabaseVerdicts },
): ConnectionWatch {
  let down = false;
  let ended = false;
  let refusal: string | undefined;
  /** Is it said that it was released? */
  let released_ = false;
  const ending = new Ending(client);
  const failed = (why: string) => {
    if (down || ended) return;
    down = true;
    // Not that it is tried again: that proves later.
    log.warn(`Redis at ${addressOf(client)} ${why}. Locks fail until it answers.`);
  };
  const onError = (error: unknown) => {
    // What the sentinels said is told in its place, and what became of a SELECT by the database's guard.
    if (!isSentinelRound(error) && !isOfSelect(error))
      failed(`failed: ${printable(messageOf(redactError(error)))}`);
  };
  const onClose = () => {
    ending.closed();
    // Closed on purpose, all being well, there is nothing to tell.
    if (!ending.ended && client.status !== 'disconnecting') failed('closed the connection');
    else if (ending.ended && down && !released_) {
      released_ = true;
      log.warn(`Redis at ${addressOf(client)} stays away. ${ENDED}`);
    }
  };
  const answers = () => {
    if (down && !ended) log.log(`Redis at ${addressOf(client)} answers again.`);
    down = false;
    refusal = undefined;
    released_ = false;
    ending.connected();
  };
  const onReady = () => {
    if (database?.verifies !== true) answers();
  };
  const onVerdict = (cause: unknown) => {
    if (cause === undefined) return answers();
    const said = messageOf(cause);
    if (said === refusal || ended) return;
    down = true;
    refusal = said;
    log.warn(
      `Redis at ${addressOf(client)} cannot select database ${database?.number}: ${said}. No lock is taken in another ` +
        'database: locks fail until it can. It is tried again in the background.',
    );
  };
  if (database !== undefined) database.onVerdict = onVerdict;
  const unwatchSentinels = watchSentinels(client, ({ message }) =>
    failed(`cannot be found: ${printable(message)}`),
  );
  if (owned) client.on('error', onError);
  const stops = [onClient(client, 'close', onClose), onClient(client, 'ready', onReady)];
  return {
    get down() {
      return down;
    },
    end() {
      ended = true;
      // The listener for errors stays: closing may still cause some.
      unwatchSentinels();
      for (const stop of stops) stop();
    },
  };
}

/** ioredis tells of a database that it could not select, and goes on in database 0. */
function isOfSelect(error: unknown): boolean {
  return (error as { command?: { name?: unknown } } | null)?.command?.name === 'select';
}

/** Where a client connects to, for people. */
export function addressOf(client: RedisLike): string {
  const options = client.options as {
    host?: string;
    port?: number;
    path?: string;
    sentinels?: unknown[] | null;
    name?: string;
  };
  if (client.isCluster) return 'the Cluster';
  if (options.sentinels) return `the sentinels' master "${options.name}"`;
  if (options.path) return options.path;
  const host = options.host ?? 'localhost';
  return `${host.includes(':') ? `[${host}]` : host}:${options.port ?? 6379}`;
}

/** The message of an error; of its parts where it has none, as when each address of a host refused. */
export function messageOf(error: unknown): string {
  // By structure: errors of Node's own are of another realm inside jest.
  const { message, name, errors } = (error ?? {}) as { message?: unknown; name?: unknown; errors?: unknown };
  if (typeof message !== 'string') return String(error);
  if (message !== '') return message;
  return Array.isArray(errors) ? errors.map(messageOf).join('; ') : String(name);
}
