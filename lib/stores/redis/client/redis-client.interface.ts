/**
 * What the store uses of an ioredis client, as structural types. The types of versions 5 and 6 exclude each other, and
 * `instanceof` fails if the application has another copy of ioredis.
 */

/** Any `Redis` or `Cluster` of ioredis 5 or 6. */
export interface RedisLike {
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options: object;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the parameters differ by version; results are checked
  call(command: string, ...args: any[]): Promise<unknown>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  pipeline(commands: any[][]): { exec(): Promise<[error: Error | null, result: unknown][] | null> };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  duplicate(...args: any[]): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(event: string | symbol, listener: (...args: any[]) => void): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  off(event: string | symbol, listener: (...args: any[]) => void): unknown;
  subscribe(channel: string): Promise<unknown>;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

/** What a `Cluster` has in addition. */
export interface ClusterLike extends RedisLike {
  /** The addresses of each slot's nodes. The master's address is the first. Empty before the first connection. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role?: 'all' | 'master' | 'slave'): RedisLike[];
  refreshSlotsCache?(callback?: () => void): void;
}

/** Options of ioredis. They are passed on unchanged. */
export interface RedisSettings {
  host?: string;
  port?: number;
  path?: string;
  username?: string;
  password?: string;
  db?: number;
  keyPrefix?: string;
  tls?: object;
  sentinels?: ReadonlyArray<{ host?: string; port?: number }>;
  name?: string;
  /** Leaves a master as soon as the sentinels have replaced it. @default true with `sentinels` */
  failoverDetector?: boolean;
  [option: string]: unknown;
}
