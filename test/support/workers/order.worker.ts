/**
 * A process whose callers write into a stream of Redis in what order they are served: entries get their place in it from the
 * server, and only who has the lock writes that it entered.
 */
import type { Lock } from '../../../lib/core/contracts/lock.js';
import { serve } from '../child-worker.js';
import { type Locks, locksOn } from '../locks.js';

export type OrderHandlers = typeof handlers;

export interface Entry {
  readonly event: 'requested' | 'entered';
  readonly process: string;
  /** Calls of a process are numbered in the order in which they requested, from 0. */
  readonly call: number;
  /** Of the lease under which it entered. */
  readonly token: string;
}

let locks: Locks;
let name: string;
let calls = 0;
let running: Promise<unknown> = Promise.resolve();

function write(event: Entry['event'], call: number, token: string): Promise<unknown> {
  return locks.client.xadd('log', '*', 'event', event, 'process', name, 'call', call, 'token', token);
}

async function enter(call: number, requested: Promise<Lock>): Promise<void> {
  const lock = await requested;
  await write('entered', call, lock.token);
  await lock.release();
}

const endOfTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

const request = (): Promise<Lock> => locks.service.acquire('k', { wait: '1m' });

export const handlers = serve({
  open(url: string, called: string): void {
    locks = locksOn({ url });
    name = called;
  },
  /** So many callers request at once. */
  request(callers: number): void {
    running = Promise.all(Array.from({ length: callers }, () => enter(calls++, request())));
  },
  /** Until all who requested have been served. */
  async served(): Promise<void> {
    await running;
  },
  /** So many callers request over and over, each in so many turns, and write that they have. */
  async loop(callers: number, exchanges: number): Promise<void> {
    const caller = async (): Promise<void> => {
      for (let exchange = 0; exchange < exchanges; exchange += 1) {
        const call = calls++;
        const requested = request();
        // By the connection of the request, and after it: that leaves at the end of the tick.
        const written = endOfTick().then(() => write('requested', call, ''));
        await enter(call, requested);
        await written;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
  },
  async close(): Promise<void> {
    await locks.close();
  },
});
