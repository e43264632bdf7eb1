/** The state of a shared lock or a semaphore in Redis, and sessions that use a store without a coordinator. */
import type { Redis } from 'ioredis';
import { World } from '../../lib/testing/contract/world.js';
import { setTimeout as elapse } from 'node:timers/promises';
import { type Locks, type LocksOptions, locksOn } from './locks.js';

/** A world of the contract suite on a server. Its participants are sessions of one store. */
export interface Sessions {
  readonly world: World;
  readonly locks: Locks;
}

export function sessionsOn(target: { readonly url: string }, options: LocksOptions = {}): Sessions {
  const locks = locksOn(target, options);
  return { locks, world: new World({ store: locks.store, elapse, dispose: () => locks.close() }) };
}

export interface HoldersView {
  readonly lock: string;
  readonly queue: string;
  readonly holders: string;
  /** The tokens of the holders in the order in which their leases end, with these times in ms of the server's clock. */
  members(): Promise<Map<string, number>>;
  /** The server's clock, in ms. */
  now(): Promise<number>;
}

export function holdersOf(client: Redis, key = 'k'): HoldersView {
  const holders = `lock:~nl:h:${key}`;
  return {
    lock: `lock:${key}`,
    queue: `lock:~nl:q:${key}`,
    holders,
    async members() {
      const found = await client.zrange(holders, '0', '-1', 'WITHSCORES');
      const tokens = found.filter((_, i) => i % 2 === 0);
      return new Map(tokens.map((token, i) => [token, Number(found[2 * i + 1])]));
    },
    async now() {
      const [seconds, micros] = await client.time();
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    },
  };
}
