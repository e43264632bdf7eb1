/**
 * Inspects the locks while a program runs. A call takes its keys in sorted order, and a nested call takes only keys that
 * its outer call has. So no two calls can ever wait for each other, and each cycle that an overview reports is false.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { locksOn } from '../../test/support/locks.js';
import { sharedNow } from '../../test/support/shared-clock.js';
import type { Arena } from './arena.js';
import type { FuzzEvent } from './events.js';

/** The time between two overviews, and for how long one waits for answers, in ms. */
const EVERY = 100;
const PATIENCE = 150;

/** @returns ends the overviews. Idempotent. */
export function watchOverviews({ server }: Arena, record: (event: FuzzEvent) => void): () => Promise<void> {
  const locks = locksOn(server, { owner: 'inspector', inspection: 'off' });
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      // The store may be away. Other rules judge what callers see of that.
      const overview = await locks.service.overview({ patience: PATIENCE }).catch(() => undefined);
      for (const cycle of overview?.cycles ?? [])
        record({ e: 'odd', at: sharedNow(), what: `a cycle of waits: ${JSON.stringify(cycle)}` });
      await pause(EVERY);
    }
  })();
  const end = async (): Promise<void> => {
    ended = true;
    await watching;
    await locks.close();
  };
  let ending: Promise<void> | undefined;
  return () => (ending ??= end());
}
