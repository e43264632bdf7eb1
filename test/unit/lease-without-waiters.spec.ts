/** The last caller leaves after its lease was granted, while that lease is renewed before a hold may start. */
import { describe, expect, it } from '@jest/globals';
import { EXCLUSIVE, type LockAccess } from '../../lib/core/contracts/token.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { acquiring, core } from '../support/core.js';
import { deferred } from '../support/deferred.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { lateGrants, storeWith } from '../support/store-with.js';

const TTL = 90;
const KINDS: readonly LockAccess[] = [
  EXCLUSIVE,
  { kind: 'shared', limit: Infinity },
  { kind: 'semaphore', limit: 1 },
];

describe.each(KINDS)('given a lease that is renewed before its first hold ($kind)', (access) => {
  it.each(['leaves', 'is refused at shutdown'])(
    'then it is released at once if the last caller %s',
    async (how) => {
      const clock = new FakeClock();
      const inner = memoryStore({ clock });
      const renewing = deferred();
      const store = storeWith(inner, (session) => ({
        ...lateGrants(clock, session),
        // The renewal has run, and its reply never comes.
        renew: async (request) => {
          renewing.resolve();
          await session.renew({ ...request, ttl: 30_000 });
          return new Promise(() => undefined);
        },
      }));
      const { engine } = core({ clock, store });
      const leaving = new AbortController();
      const call = engine
        .acquire(['k'], acquiring({ ttl: TTL, access, signal: leaving.signal }))
        .catch((error: unknown) => error);
      await renewing.promise;
      const over = how === 'leaves' ? leaving.abort() : engine.drain(1_000).then(() => engine.close());
      await settle();
      await over;
      expect(await call).toMatchObject({ code: how === 'leaves' ? 'LOCK_ABORTED' : 'LOCK_SHUTDOWN' });
      const other = core({ clock, store: inner });
      const lock = await other.engine.acquire(['k'], acquiring({ wait: 0 }));
      expect(await lock.release()).toBe(true);
      expect(engine.keyCount).toBe(0);
    },
  );
});
