/** The options in which a connection for hand-offs differs from the client that it is a duplicate of. */

export const SUBSCRIBER_OPTIONS = {
  // Channels belong to no database. So no database is selected, and the server cannot refuse one.
  db: 0,
  // ioredis adds no prefix to channels, and PING has no key. From here on: no option that the application set for its
  // own commands may delay a subscription.
  keyPrefix: '',
  lazyConnect: true,
  autoResubscribe: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  commandTimeout: undefined,
  retryStrategy: (attempt: number): number => Math.min(25 * 2 ** Math.min(attempt, 6), 1000),
};
