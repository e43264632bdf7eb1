/** The state of one lock in Redis: its holder and its queue. */
import type { Redis } from 'ioredis';
import { sessionIdOf } from '../../lib/core/contracts/token.js';
import { eventuallyTrue } from './eventually.js';

export interface QueueView {
  /** The token that holds the key. */
  holder(): Promise<string | null>;
  /** The remaining time of the key, in ms. */
  left(): Promise<number>;
  /** The tokens that wait, in order. */
  tokens(): Promise<string[]>;
  /** Resolves when `n` tokens wait. */
  holds(n: number): Promise<void>;
  /** Resolves when no connection is subscribed for the session of a token. */
  deaf(token: string): Promise<void>;
  /** Resolves when the session of a token is subscribed. */
  listens(token: string): Promise<void>;
  /**
   * Adds `n` dead waiters at the end. A process that queues with ten of them checks only every 10 to 12 s. If it
   * notices a change earlier, a check was not the cause.
   */
  crowd(n: number): Promise<void>;
  /** Resolves when the key is free and its queue is empty. */
  nothingLeft(): Promise<void>;
}

export function queueOf(client: Redis, key = 'k'): QueueView {
  const queue = `lock:~nl:q:${key}`;
  const listeners = async (token: string): Promise<number> => {
    const counts = (await client.call('PUBSUB', 'NUMSUB', `lock:~nl:w:${sessionIdOf(token)}`)) as unknown[];
    return Number(counts[1]);
  };
  return {
    holder: () => client.get(`lock:${key}`),
    left: () => client.pttl(`lock:${key}`),
    tokens: () => client.zrange(queue, '0', '-1'),
    holds: (n) => eventuallyTrue(async () => (await client.zcard(queue)) === n),
    deaf: (token) => eventuallyTrue(async () => (await listeners(token)) === 0),
    listens: (token) => eventuallyTrue(async () => (await listeners(token)) === 1),
    async crowd(n) {
      const [, last = '0'] = await client.zrange(queue, '-1', '-1', 'WITHSCORES');
      const places = Array.from({ length: n }, (_, i) => [
        String(Number(last) + i + 1),
        `nl1:dead:${i}:dead`,
      ]);
      await client.zadd(queue, ...places.flat());
    },
    nothingLeft: () => eventuallyTrue(async () => (await client.exists(`lock:${key}`, queue)) === 0),
  };
}
