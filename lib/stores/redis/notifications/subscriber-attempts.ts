/** Reports to the log that a connection for hand-offs could not be opened. */
import type { HandOffLog } from './hand-off-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/** @param ended whether the connection was closed on purpose. If so, its end is not a failure. */
export function logAttempts(connection: RedisLike, log: HandOffLog, ended: () => boolean): void {
  /** Whether the connection was ready since it was last closed. If so, its end is not a failed try. */
  let ready = false;
  let reason: unknown;
  connection.on('error', (error: unknown) => {
    reason = error;
  });
  connection.on('ready', () => {
    ready = true;
    reason = undefined;
  });
  connection.on('close', () => {
    if (!ready && !ended()) log.failed(connection, reason);
    ready = false;
    reason = undefined;
  });
}
