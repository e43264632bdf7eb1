/** `onBusy` of `@Locked`: throw, skip, or a function. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Inject } from '@nestjs/common';
import { isLockError, type Lock, LockBusyError, Locked, lockKey, LockService } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { type Deferred, deferred } from '../support/deferred.js';
import { endAfterTest, endAll, startInMemory } from '../support/module-apps.js';

afterEach(endAll);

describe('onBusy', () => {
  class Service {
    barrier: Deferred = deferred();
    constructor(@Inject(LockService) readonly service: LockService) {}

    @Locked('a', { wait: 0 })
    async throws(): Promise<string> {
      return 'ran';
    }
    @Locked('a', { onBusy: 'skip' })
    async skips(): Promise<string | undefined> {
      return 'ran';
    }
    @Locked('a', { onBusy: 'skip', wait: '5s' })
    async waits(): Promise<string | undefined> {
      return 'ran';
    }
    @Locked((id: number) => lockKey`a${id}`, {
      onBusy: (error: LockBusyError, id: number, name: string) =>
        `${error.key} ${id} ${name} ${error.waited}`,
    })
    async answers(_id: number, _name: string): Promise<string> {
      return 'ran';
    }
    @Locked('a', { onBusy: 'skip' })
    async nested(): Promise<string | undefined> {
      await this.service.using('b', { wait: 0 }, () => 'inner');
      return 'ran';
    }
    @Locked('a', { onBusy: 'skip' })
    async nestedMethod(): Promise<string | undefined> {
      return this.inner();
    }
    @Locked('b', { wait: 0 })
    async inner(): Promise<string> {
      return 'inner';
    }
  }

  async function holding(key: string): Promise<{ service: Service; held: Lock }> {
    const service = (await startInMemory({ providers: [Service] })).get(Service);
    const held = await service.service.acquire(key);
    endAfterTest(() => held.release());
    return { service, held };
  }

  it("given 'throw', then a busy key rejects with LockBusyError", async () => {
    const { service, held } = await holding('a');
    const error: unknown = await service.throws().catch((thrown: unknown) => thrown);
    expect(isLockError(error, 'LOCK_BUSY')).toBe(true);
    await held.release();
    await expect(service.throws()).resolves.toBe('ran');
  });

  it("given 'skip', then a busy key resolves to undefined at once, or after the given wait", async () => {
    const { service, held } = await holding('a');
    await expect(service.skips()).resolves.toBeUndefined();
    const waiting = service.waits();
    await held.release();
    await expect(waiting).resolves.toBe('ran');
    await expect(service.skips()).resolves.toBe('ran');
  });

  it('given a function, then it gets the error and the arguments, and its result is returned', async () => {
    const { service } = await holding('a1');
    await expect(service.answers(1, 'x')).resolves.toMatch(/^a1 1 x \d/);
    await expect(service.answers(2, 'x')).resolves.toBe('ran');
  });

  it('given a busy key of a nested lock, then onBusy of the outer lock does not apply', async () => {
    const { service } = await holding('b');
    await expect(service.nested()).rejects.toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
    await expect(service.nestedMethod()).rejects.toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
  });

  it('given a failing store, then onBusy does not apply', async () => {
    const service = new Service(memoryLocks());
    const failing = new Error('Redis is down');
    provideLocks(service, { using: () => Promise.reject(failing) } as unknown as LockService);
    await expect(service.skips()).rejects.toBe(failing);
    await expect(service.answers(1, 'x')).rejects.toBe(failing);
  });
});
