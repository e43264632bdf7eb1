/** Notices that no sentinel leads to a master: ioredis goes on requesting them, and its connection is never "closed". */
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/** What ioredis says after each round, without what the sentinels said. */
const ROUND_OVER = /^All sentinels are unreachable/;

/**
 * @param onUnresolved called once all sentinels have failed since the last connection, and at each failure from then on.
 * @returns takes the listeners away.
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

/** Is it the error of a round, which {@link watchSentinels} knows the reason of? */
export function isSentinelRound(error: unknown): boolean {
  return error instanceof Error && ROUND_OVER.test(error.message);
}
