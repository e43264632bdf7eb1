/** The state of one lock and of its slot in a Redis Cluster. */
import type { Cluster } from 'ioredis';
import { sessionIdOf } from '../../lib/core/contracts/token.js';
import { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { slotOf } from '../../lib/stores/redis/naming/cluster-slots.js';
import { eventuallyTrue } from './eventually.js';

const NAMES = new KeyNames('lock:', '', true);

export interface ClusterQueueView {
  readonly slot: number;
  /** The name of the fence counter of the key. There is one for each slot. */
  readonly fences: string;
  /** The channel on which a session gets hand-offs of the keys of the slot. */
  channelOf(session: string): string;
  /** The token that holds the key. */
  holder(): Promise<string | null>;
  /** The tokens that wait, in order. */
  tokens(): Promise<string[]>;
  /** Resolves when `n` tokens wait. */
  holds(n: number): Promise<void>;
  /** Resolves when the session of the last waiting token is subscribed at the master of the slot. */
  listens(options?: { within: number }): Promise<void>;
  /** Adds `n` dead waiters at the end. A process that queues with ten of them checks only every 10 to 12 s. */
  crowd(n: number): Promise<void>;
}

export function clusterQueueOf(client: Cluster, key: string): ClusterQueueView {
  const { lock, queue, fences } = NAMES.of(key);
  const channelOf = (session: string): string => NAMES.channelOf(NAMES.fenceDomainOf(key), session);
  const tokens = (): Promise<string[]> => client.zrange(queue, '0', '-1');
  return {
    slot: slotOf(lock),
    fences,
    channelOf,
    holder: () => client.get(lock),
    tokens,
    holds: (n) => eventuallyTrue(async () => (await client.zcard(queue)) === n),
    listens: (options) =>
      eventuallyTrue(async () => {
        const channel = channelOf(sessionIdOf((await tokens()).at(-1) ?? '') ?? '');
        const count = "return redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[1])[2]";
        return (await client.eval(count, 1, fences, channel)) === 1;
      }, options),
    async crowd(n) {
      const [, last = '0'] = await client.zrange(queue, '-1', '-1', 'WITHSCORES');
      const places = Array.from({ length: n }, (_, i) => [
        String(Number(last) + i + 1),
        `nl1:dead:${i}:dead`,
      ]);
      await client.zadd(queue, ...places.flat());
    },
  };
}
