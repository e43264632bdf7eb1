/**
 * A process with callers that record the order of their service in a Redis stream. The server orders the entries, and
 * only a caller that holds the lock writes that it entered.
 */
import type { Lock } from '../../../lib/core/contracts/lock.js';
import { serve } from '../child-worker.js';
import { type Locks, locksOn } from '../locks.js';

export type OrderHandlers = typeof handlers;

export interface Entry {
  readonly event: 'requested' | 'entered';
  readonly process: string;
  /** The number of the call, counted in the order of the requests of this process, from 0. */
  readonly call: number;
  /** The token of the lease under which the call entered. */
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
  /** Makes `callers` callers request the lock at once. */
  request(callers: number): void {
    running = Promise.all(Array.from({ length: callers }, () => enter(calls++, request())));
  },
  /** Resolves when all callers have been served. */
  async served(): Promise<void> {
    await running;
  },
  /** Makes `callers` callers request the lock `rounds` times each, and record each request. */
  async loop(callers: number, rounds: number): Promise<void> {
    const caller = async (): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const call = calls++;
        const requested = request();
        // The entry goes over the connection of the request, and after the request, which is sent at the end of the
        // tick.
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
