/** What a connection for hand-offs does otherwise than the client that it is a duplicate of. */

export const SUBSCRIBER_OPTIONS = {
  // Channels are of no database: none is selected, which could be refused.
  db: 0,
  // Channels get no prefix from ioredis; PING has no key. Nothing that the application set for its own commands
  // should hold a subscription up.
  keyPrefix: '',
  lazyConnect: true,
  autoResubscribe: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  commandTimeout: undefined,
  retryStrategy: (attempt: number): number => Math.min(25 * 2 ** Math.min(attempt, 6), 1000),
};
