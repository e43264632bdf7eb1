/** A process with several callers. Each reads a counter, waits, and writes the counter, under one lock. */
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { serve } from '../child-worker.js';
import { locksOn } from '../locks.js';

export type CounterHandlers = typeof handlers;

export const handlers = serve({
  async count(url: string, callers: number, exchanges: number): Promise<{ overlaps: string[] }> {
    const locks = locksOn({ url });
    const client = new Redis(url);
    const overlaps: string[] = [];
    await Promise.all(
      Array.from({ length: callers }, async () => {
        for (let exchange = 0; exchange < exchanges; exchange += 1) {
          await locks.service.using('counter', { wait: '30s' }, async (lock) => {
            if ((await client.incr('inside')) !== 1) overlaps.push(lock.token);
            const value = Number((await client.get('counter')) ?? 0);
            if (exchange % 5 === 0) await pause(1);
            await client.rpush('log', lock.fence);
            await client.set('counter', value + 1);
            await client.decr('inside');
          });
        }
      }),
    );
    await locks.close();
    client.disconnect();
    return { overlaps };
  },
});
