/** A store of another author that throws where its contract says that a promise rejects. */
import { describe, expect, it } from '@jest/globals';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { LockStoreError } from '../../lib/errors/index.js';
import { scenario } from '../support/scenario.js';
import { storeWith } from '../support/store-with.js';

/** @param failing the method that throws while `fault.active`. */
function throwing(failing: 'exchange' | 'renew' | 'subscribe' | 'canNotify', fault: { active: boolean }) {
  return (memory: LockStore): LockStore =>
    storeWith(memory, (session) => {
      const original = session[failing].bind(session) as (...given: unknown[]) => never;
      const replaced = (...given: unknown[]): never => {
        if (fault.active) throw new LockStoreError(`${failing} is out of order`);
        return original(...given);
      };
      return { [failing]: replaced };
    });
}

describe.each(['exchange', 'subscribe', 'canNotify'] as const)('given a %s that throws', (failing) => {
  it('then the caller is refused, and the key works once the store does', async () => {
    const fault = { active: true };
    const { a, b, pass, release } = scenario({ store: throwing(failing, fault) });
    fault.active = false;
    const holder = await b.acquire();
    fault.active = true;
    const refused = a.begin({ wait: 100 });
    await pass(1_000);
    expect(refused.error).toBeInstanceOf(Error);
    fault.active = false;
    await release(holder);
    const next = a.begin({ wait: 5_000 });
    await pass(5_000);
    expect(next.state).toBe('holding');
    await release(next);
    const last = b.begin({ wait: 5_000 });
    await pass(5_000);
    expect(last.state).toBe('holding');
    await release(last);
  });
});

describe('given an exchange that throws at a release', () => {
  it('then the next caller of the process holds the key when the store works again', async () => {
    const fault = { active: false };
    const { a, pass, release } = scenario({ store: throwing('exchange', fault) });
    const holder = await a.acquire();
    const waiting = a.begin({ wait: 60_000 });
    fault.active = true;
    await release(holder);
    fault.active = false;
    await pass(40_000);
    expect(waiting.state).toBe('holding');
    await release(waiting);
  });
});
