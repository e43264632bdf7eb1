/** How `@Locked` methods get their LockService. Without one, or with a mock that runs nothing, they fail. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  InjectLockService,
  LockBusyError,
  Locked,
  LockModule,
  LockService,
  LockWiringError,
  memoryStore,
} from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { deferred } from '../support/deferred.js';
import { endAll, startInMemory } from '../support/module-apps.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await endAll();
});

describe('wiring', () => {
  it('given no LockModule, then the application does not start, and Nest quotes the cure', async () => {
    Logger.overrideLogger(false);
    const missing = Test.createTestingModule({ providers: [{ provide: LockService, useValue: null }] });
    await missing.compile();
    class Service {
      @Locked('a')
      async take(): Promise<void> {}
    }
    await expect(Test.createTestingModule({ providers: [Service] }).compile()).rejects.toThrow(
      /Symbol\(the LockService of @Locked: import LockModule\.forRoot\(\) in the root module\)/,
    );
    class Billing {
      @Locked('a', { service: 'billing' })
      async take(): Promise<void> {}
    }
    await expect(
      Test.createTestingModule({
        imports: [LockModule.forRoot({ store: memoryStore() })],
        providers: [Billing],
      }).compile(),
    ).rejects.toThrow(/import LockModule\.forRoot\(\{ name: 'billing' \}\) in the root module/);
    class Invoices {
      constructor(@InjectLockService('billing') readonly locks: LockService) {}
    }
    await expect(
      Test.createTestingModule({
        imports: [LockModule.forRoot({ store: memoryStore() })],
        providers: [Invoices],
      }).compile(),
    ).rejects.toThrow(
      /LockService of LockModule\.forRoot\(\{ name: 'billing' \}\), which the root module must import/,
    );
  });

  it('given an instance made by hand, then its methods refuse and name provideLocks', async () => {
    const body = jest.fn(async () => {});
    class Service {
      @Locked('a')
      async take(): Promise<void> {
        await body();
      }
    }
    const service = new Service();
    const call = service.take();
    await expect(call).rejects.toThrow(LockWiringError);
    await expect(call).rejects.toThrow(
      /Service\.take is @Locked.*provideLocks\(instance\) from 'nestjs-locked\/testing'/,
    );
    const { take } = service;
    await expect(take()).rejects.toThrow(/without its instance/);
    expect(body).not.toHaveBeenCalled();
    expect(provideLocks(service)).toBe(service);
    await service.take();
    expect(body).toHaveBeenCalledTimes(1);
  });

  it('given provideLocks, then each instance has its own locks, or the given ones, also named ones', async () => {
    const barrier = deferred();
    class Service {
      @Locked('a', { wait: 0, service: 'billing' })
      async take(): Promise<void> {
        await barrier.promise;
      }
    }
    const [one, two] = [provideLocks(new Service()), provideLocks(new Service())];
    const shared = memoryLocks();
    const [three, four] = [provideLocks(new Service(), shared), provideLocks(new Service(), shared)];
    const running = [one.take(), two.take(), three.take()];
    await expect(four.take()).rejects.toThrow(LockBusyError);
    barrier.resolve();
    await Promise.all(running);
    expect(() => provideLocks({})).toThrow(LockWiringError);
  });

  it('given a call before Nest has injected the service, then it is refused and does not run', async () => {
    let early: Promise<unknown> | undefined;
    @Injectable()
    class Early {
      readonly ran = jest.fn();
      constructor() {
        early = this.take();
        early.catch(() => {});
      }
      @Locked('a')
      async take(): Promise<void> {
        this.ran();
      }
      async onModuleInit(): Promise<void> {
        await this.take();
      }
    }
    const app = await startInMemory({ providers: [Early] });
    await expect(early).rejects.toThrow(LockWiringError);
    expect(app.get(Early).ran).toHaveBeenCalledTimes(1);
  });

  it.each<[string, unknown]>([
    ['returns undefined', jest.fn()],
    ['resolves to undefined', jest.fn(async () => {})],
    ['resolves to something', jest.fn(async () => 'mocked')],
  ])('given an auto-mock whose using() %s, then the call is refused', async (_, using) => {
    @Injectable()
    class Service {
      @Locked('a')
      async take(): Promise<string> {
        return 'real';
      }
    }
    const app = await Test.createTestingModule({ providers: [Service] })
      .useMocker((token) => (token === LockService ? { using } : undefined))
      .compile();
    const call = app.get(Service).take();
    await expect(call).rejects.toThrow(LockWiringError);
    await expect(call).rejects.toThrow(/a mock that swallows it.*provideLocks\(instance\)/);
  });

  it('given a mock without using(), then the call is refused; given one that runs the work, then it works', async () => {
    class Service {
      @Locked('a')
      async take(): Promise<string> {
        return 'real';
      }
    }
    const service = new Service();
    provideLocks(service, {} as LockService);
    await expect(service.take()).rejects.toThrow(LockWiringError);
    provideLocks(service, {
      using: (_key: string, _options: object, run: () => unknown) => run(),
    } as unknown as LockService);
    await expect(service.take()).resolves.toBe('real');
  });
});
