/** Logs once that Redis does not answer, and once that Redis answers again. */
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { messageOf } from '../errors/error-message.js';
import { printable, redactError } from '../../../errors/index.js';
import { Ending } from './client-ending.js';
import { ENDED } from '../errors/redis-errors.js';
import type { ReplicaExit } from './replica-exit.js';
import { isSentinelRound, watchSentinels } from './sentinel-watch.js';

export interface ConnectionLog {
  warn(message: string): void;
  log(message: string): void;
}

export interface ConnectionWatch {
  /** Whether the log says that Redis does not answer. */
  readonly down: boolean;
  end(): void;
}

/** Whether the connection is in the database of the locks. */
export interface DatabaseVerdicts {
  readonly number: number;
  /** Whether a connection counts as usable only after it was verified. */
  readonly verifies: boolean;
  /** Called for each connection, with the server's error if the server refused the database. */
  onVerdict: ((refusal: unknown) => void) | undefined;
}

/**
 * @param replica present if the store opened the client. Then its `error` events are listened to: ioredis would print each
 * of them. A listener at the application's own client would keep ioredis from printing them for the application.
 * @param database if it verifies connections, Redis counts as answering once the database of the locks is selected.
 */
export function watchConnection(
  client: RedisLike,
  log: ConnectionLog,
  { replica, database }: { replica?: ReplicaExit; database?: DatabaseVerdicts },
): ConnectionWatch {
  let down = false;
  let ended = false;
  let refusal: string | undefined;
  /** Whether the log says that the client will not connect again. */
  let endLogged = false;
  const ending = new Ending(client);
  const failed = (why: string) => {
    if (down || ended) return;
    down = true;
    // Whether the client tries again is not known yet.
    log.warn(`Redis at ${addressOf(client)} ${why}. Locks fail until it answers.`);
  };
  const onError = (error: unknown) => {
    // watchSentinels reports the errors of sentinels, and the guard of the database reports the error of a SELECT.
    if (!isSentinelRound(error) && !isOfSelect(error))
      failed(`failed: ${printable(messageOf(redactError(error))).replace(/\.$/, '')}`);
  };
  const onClose = () => {
    ending.closed();
    // A connection that is closed on purpose is not a failure.
    if (!ending.ended && client.status !== 'disconnecting')
      failed(replica?.reason ?? 'closed the connection');
    else if (ending.ended && down && !endLogged) {
      endLogged = true;
      log.warn(`Redis at ${addressOf(client)} stays away. ${ENDED}`);
    }
  };
  const answers = () => {
    if (down && !ended) log.log(`Redis at ${addressOf(client)} answers again.`);
    down = false;
    refusal = undefined;
    endLogged = false;
    ending.connected();
  };
  const onReady = () => {
    if (database?.verifies !== true) usable();
  };
  /** A connection to the same replica is no news. */
  const usable = () => {
    if (replica?.reason === undefined) return answers();
    void replica.remains(client).then((remains) => {
      if (!remains && client.status === 'ready') answers();
    });
  };
  const onVerdict = (cause: unknown) => {
    if (cause === undefined) return usable();
    const said = messageOf(cause);
    if (said === refusal || ended) return;
    down = true;
    refusal = said;
    log.warn(
      `Redis at ${addressOf(client)} cannot select database ${database?.number}: ${said}. No lock is taken in another ` +
        'database: locks fail until Redis can select it. The module tries again in the background.',
    );
  };
  if (database !== undefined) database.onVerdict = onVerdict;
  const unwatchSentinels = watchSentinels(client, ({ message }) =>
    failed(`cannot be found: ${printable(message)}`),
  );
  if (replica !== undefined) client.on('error', onError);
  const stops = [onClient(client, 'close', onClose), onClient(client, 'ready', onReady)];
  return {
    get down() {
      return down;
    },
    end() {
      ended = true;
      // The listener for errors stays, because closing the client may cause errors.
      unwatchSentinels();
      for (const stop of stops) stop();
    },
  };
}

/** Whether ioredis reports that it could not select a database. After that, ioredis continues in database 0. */
function isOfSelect(error: unknown): boolean {
  return (error as { command?: { name?: unknown } } | null)?.command?.name === 'select';
}

/** The address that a client connects to, for messages. */
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
