/** Notices that no sentinel leads to a master. In that state ioredis keeps trying, and never emits "close". */
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/** The error of ioredis after each round. It does not contain the errors of the sentinels. */
const ROUND_OVER = /^All sentinels are unreachable/;

/**
 * @param onUnresolved called when all sentinels have failed since the last connection, and at each failure after that.
 * @returns a function that removes the listeners.
 */
export function watchSentinels(client: RedisLike, onUnresolved: (reason: Error) => void): () => void {
  const { sentinels } = client.options as { sentinels?: readonly unknown[] | null };
  if (!Array.isArray(sentinels)) return () => undefined;
  let reasons: string[] = [];
  const onFailure = (error: unknown): void => {
    reasons = [...reasons, (error as Error).message].slice(-sentinels.length);
    if (reasons.length === sentinels.length) onUnresolved(new Error([...new Set(reasons)].join('; ')));
  };
  const onConnected = (): void => {
    reasons = [];
  };
  const stops = [onClient(client, 'sentinelError', onFailure), onClient(client, 'connect', onConnected)];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Whether this is the error of a round. {@link watchSentinels} reports the reason of such an error. */
export function isSentinelRound(error: unknown): boolean {
  return error instanceof Error && ROUND_OVER.test(error.message);
}
