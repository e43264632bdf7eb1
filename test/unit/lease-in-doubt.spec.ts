/** A lease that ends by the local clock while the reply to its renewal is unread: its state, and what decides it. */
import { stat } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../lib/core/time/clock.js';
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import type { LockStoreSession, RenewReply } from '../../lib/core/contracts/store.contract.js';
import { LockService } from '../../lib/lock.service.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { compute } from '../support/computation.js';
import { eventuallyTrue } from '../support/eventually.js';
import { storeWith } from '../support/store-with.js';

const engines: LockEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) {
    await engine.drain(0);
    await engine.close();
  }
});

/** Locks on a store that replies to renewals when sockets are read, as a server does. */
function locks(
  replyTo: (session: LockStoreSession['renew']) => LockStoreSession['renew'] = (renew) => renew,
): {
  service: LockService;
  renewals: () => number;
} {
  let renewals = 0;
  const read = (): Promise<void> => new Promise((resolve) => stat('.', () => resolve()));
  const store = storeWith(memoryStore(), (session) => {
    const renew = replyTo((request) => session.renew(request));
    return {
      renew: async (request): Promise<RenewReply> => {
        renewals += 1;
        // The reply arrives while the process computes.
        const arrived = read();
        const reply = await renew(request);
        await arrived;
        return reply;
      },
    };
  });
  const engine = new LockEngine({
    store,
    owner: 'test',
    maxWaiters: Infinity,
    longHold: 60_000,
    emit: () => undefined,
    clock: systemClock,
  });
  engines.push(engine);
  return { service: new LockService(engine, resolvePolicy()), renewals: () => renewals };
}

const TTL = 600;

/** Computes, as soon as a renewal was sent, until `ms` after the acquisition. */
async function computeAfterRenewal(renewals: () => number, ms: number): Promise<void> {
  const since = performance.now();
  let computed = false;
  // The computation begins in the tick in which the renewal is sent.
  while (!computed) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (renewals() === 0) continue;
    compute(ms - (performance.now() - since));
    computed = true;
  }
}

describe('given a lease that passes its deadline while a renewal is under way', () => {
  /**
   * The process computes within `renew` of the store, right after the renewal was sent. No reply can be read before.
   */
  function computingLocks(until: number, reply?: RenewReply): { service: LockService } {
    let since = 0;
    let computed = false;
    const { service } = locks((renew) => (request) => {
      const answered = reply === undefined ? renew(request) : Promise.resolve(reply);
      if (!computed && since > 0) {
        computed = true;
        compute(until - (performance.now() - since));
      }
      return answered;
    });
    const acquire = service.acquire.bind(service);
    service.acquire = async (...args: Parameters<typeof acquire>) => {
      const lock = await acquire(...args);
      since = performance.now();
      return lock;
    };
    return { service };
  }

  it('given an unread positive reply, then the lock is held again, and no loss is reported', async () => {
    const { service } = computingLocks(TTL + 80);
    const lock = await service.acquire('k', { ttl: TTL });
    const seen: boolean[] = [];
    lock.signal.addEventListener('abort', () => seen.push(true));
    await eventuallyTrue(() => lock.remaining > 0 && lock.remaining < TTL - 150);
    await new Promise((resolve) => setTimeout(resolve, TTL));
    expect(lock.held).toBe(true);
    expect(seen).toEqual([]);
    expect(await lock.release()).toBe(true);
  });

  it('given a computation longer than the renewed lease, then the lock is lost', async () => {
    const { service } = computingLocks(TTL / 3 + TTL + 100);
    const lock = await service.acquire('k', { ttl: TTL });
    await eventuallyTrue(() => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ reason: 'expired' });
    expect(await lock.release()).toBe(false);
  });

  it('given an unread negative reply, then the lock is lost, with the reason "not-owner"', async () => {
    const { service } = computingLocks(TTL + 80, { held: false, fence: 0 });
    const lock = await service.acquire('k', { ttl: TTL });
    await eventuallyTrue(() => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ reason: 'not-owner' });
  });

  it('given no reply, then the lock is lost as soon as the sockets were read', async () => {
    const { service, renewals } = locks(() => () => new Promise(() => undefined));
    const lock = await service.acquire('k', { ttl: TTL });
    await computeAfterRenewal(renewals, TTL + 80);
    expect([lock.held, lock.signal.aborted]).toEqual([false, false]);
    await eventuallyTrue(() => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ reason: 'expired' });
  });

  it('given a release at that moment, then release() reads the sockets first, and returns false', async () => {
    const { service, renewals } = locks(() => () => new Promise(() => undefined));
    const lock = await service.acquire('k', { ttl: TTL });
    await computeAfterRenewal(renewals, TTL + 80);
    expect(await lock.release()).toBe(false);
  });

  it('given no renewal was sent in time, then the lock is lost at once', async () => {
    const { service } = locks();
    const lock = await service.acquire('k', { ttl: TTL });
    compute(TTL + 50);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ reason: 'expired' }));
    expect(await lock.release()).toBe(false);
  });
});
