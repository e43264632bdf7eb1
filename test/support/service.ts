/** A LockService on a memory store and a clock that a test advances, without Nest. */
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { LockService } from '../../lib/lock.service.js';
import { type Core, type CoreSettings, core } from './core.js';

export interface ServiceOnFakeClock extends Core {
  readonly locks: LockService;
  /** Whether another process can acquire the key. */
  free(key: string): Promise<boolean>;
}

export function serviceOnFakeClock(settings: CoreSettings = {}): ServiceOnFakeClock {
  const made = core(settings);
  const locks = new LockService(made.engine, resolvePolicy());
  return {
    ...made,
    locks,
    async free(key) {
      const other = new LockService(core({ clock: made.clock, store: made.store }).engine, resolvePolicy());
      const lock = await other.tryAcquire(key);
      await lock?.release();
      return lock !== null;
    },
  };
}
