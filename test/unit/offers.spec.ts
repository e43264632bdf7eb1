/** Offers that arrive late or wrongly, and a store that must be subscribed to before it can make one. */
import { describe, expect, it } from '@jest/globals';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { settle } from '../support/fake-clock.js';
import { scenario, states } from '../support/scenario.js';
import { storeWith } from '../support/store-with.js';
import { tap } from '../support/tapped-store.js';

describe('given a process that waits for a key', () => {
  /** A store that offers "k" to the latest token that requested it, when the test says so: as late messages do. */
  const offeringAtWill = (store: LockStore): LockStore & { offer(fence: number): Promise<void> } => {
    let offered: ((fence: number) => void) | undefined;
    return {
      ...storeWith(store, (session, listener) => ({
        exchange: (request) => {
          const { acquire } = request;
          if (acquire !== undefined) offered = (fence) => listener.onGrant('k', acquire.token, fence);
          return session.exchange(request);
        },
      })),
      async offer(fence) {
        offered?.(fence);
        await settle();
      },
    };
  };

  it('then an offer older than the latest reply is ignored: its lease has ended since', async () => {
    const { a, store, process, memory, release } = scenario({ store: offeringAtWill });
    const holder = await process(memory).acquire();
    const waiting = await a.acquire();
    await store.offer(holder.fence);
    expect(waiting.state).toBe('waiting');
    await release(holder);
    expect(waiting.fence).toBeGreaterThan(holder.fence);
    await release(waiting);
  });

  it('then an offer that ended before it was used does not cost the process its queueScore', async () => {
    const { a, store, process, memory, pass, release } = scenario({ store: offeringAtWill });
    const holder = await process(memory).acquire();
    const second = await a.acquire();
    const third = process(memory).begin();
    // The offer is too old to start on. Its confirmation finds another holder.
    await pass(600);
    await store.offer(holder.fence + 1_000_000);
    await release(holder);
    expect(states(second, third)).toEqual(['holding', 'waiting']);
    await release(second);
    await release(third);
  });
});

describe('given a store that must be subscribed to before it can notify', () => {
  /** A store that can notify as soon as it is subscribed to, and says so. */
  const notifyingOnceSubscribed = (store: LockStore): LockStore =>
    storeWith(store, (_session, listener) => {
      let subscribed = false;
      return {
        supportsQueue: true,
        canNotify: () => subscribed,
        async subscribe() {
          await Promise.resolve();
          subscribed = true;
          listener.onReconnected();
        },
      };
    });

  it('then the first contention sends two requests: one that does not queue, then one that queues', async () => {
    const { a, store, process, memory, pass, release } = scenario({
      store: (inner) => tap(notifyingOnceSubscribed(inner)),
    });
    const holder = await process(memory).acquire();
    const waiting = await a.acquire();
    await pass(1);
    expect(store.exchanges.map(({ acquire: request }) => request?.mode)).toEqual(['once', 'queue']);
    await release(holder);
    await release(waiting);
  });
});
