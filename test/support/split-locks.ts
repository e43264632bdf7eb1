/**
 * A LockService with different targets for commands and for hand-offs, so that a test can delay one of the two alone.
 */
import type { Redis } from 'ioredis';
import { type Locks, type LocksOptions, locksOn } from './locks.js';

export interface Ways {
  readonly commands: { readonly url: string };
  readonly handOffs: { readonly port: number };
}

export interface SplitLocks extends Locks {
  /** Resolves when the service has handled each hand-off that was on its way before. */
  heard(): Promise<unknown>;
}

export function splitLocks({ commands, handOffs }: Ways, options?: LocksOptions): SplitLocks {
  const locks = locksOn(commands, options);
  const duplicate = locks.client.duplicate.bind(locks.client);
  let subscriber: Redis | undefined;
  Object.assign(locks.client, {
    duplicate: (override: object) => (subscriber = duplicate({ ...override, port: handOffs.port })),
  });
  return {
    ...locks,
    async heard() {
      if (subscriber === undefined) throw new Error('It has not waited for anything yet.');
      await subscriber.ping();
    },
  };
}
