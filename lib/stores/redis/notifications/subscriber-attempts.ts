/** Tells the log of a hand-off connection's tries to open it. */
import type { HandOffLog } from './hand-off-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/** @param ended is the connection closed on purpose? Then its end is no failure. */
export function logAttempts(connection: RedisLike, log: HandOffLog, ended: () => boolean): void {
  /** Was it ready since it was last closed? Then it has ended, and no try has failed yet. */
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
