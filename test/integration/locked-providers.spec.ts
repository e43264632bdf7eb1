/** Instances with locked methods that Nest did not make itself: from factories, values, and the application's code. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module, type Provider, Scope } from '@nestjs/common';
import { ContextIdFactory } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  attachLockService,
  getLockServiceToken,
  Locked,
  LockModule,
  LockService,
  LockWiringError,
  memoryStore,
} from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';

class Stock {
  ran = 0;

  @Locked('stock', { wait: 0 })
  async take(): Promise<number> {
    this.ran += 1;
    return this.ran;
  }
}

class SpecialStock extends Stock {
  @Locked('special', { wait: 0, service: 'billing' })
  async bill(): Promise<string> {
    return `${await this.take()} billed`;
  }
}

const open: TestingModule[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});

/** An application with an unnamed LockModule and one that is named "billing". */
async function start(...providers: Provider[]): Promise<TestingModule> {
  const app = await Test.createTestingModule({
    imports: [
      LockModule.forRoot({ store: memoryStore() }),
      LockModule.forRoot({ name: 'billing', store: memoryStore() }),
    ],
    providers,
  }).compile();
  open.push(app);
  return app.init();
}

/** Runs `work` while the key is held outside of every call, so that each call finds the key busy. */
async function whileHeld(locks: LockService, key: string, work: () => Promise<void>): Promise<void> {
  const lock = await locks.acquire(key);
  await work();
  await lock.release();
}

/** Expects a call to run while the key is free, and to be refused while the application's own service holds it. */
async function expectLocked(app: TestingModule, stock: Stock): Promise<void> {
  const { ran } = stock;
  expect(await stock.take()).toBe(ran + 1);
  await whileHeld(app.get(LockService), 'stock', async () => {
    await expect(stock.take()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
  });
  expect(stock.ran).toBe(ran + 1);
}

describe('an instance with locked methods that a provider gives', () => {
  it.each<[string, () => Provider]>([
    ['a factory', () => ({ provide: Stock, useFactory: () => new Stock() })],
    ['a factory with another token', () => ({ provide: 'stock', useFactory: () => new Stock() })],
    ['an async factory', () => ({ provide: Stock, useFactory: async () => new Stock() })],
    ['a value', () => ({ provide: Stock, useValue: new Stock() })],
    ['a subclass', () => ({ provide: Stock, useFactory: () => new SpecialStock() })],
    ['a frozen factory product', () => ({ provide: Stock, useFactory: () => frozen(new Stock()) })],
    ['a sealed value', () => ({ provide: Stock, useValue: Object.seal(new Stock()) })],
    ['a proxy', () => ({ provide: Stock, useValue: new Proxy(new Stock(), {}) })],
  ])('given %s, then its methods lock from the start', async (_, provider) => {
    const made = provider();
    const app = await start(made, { provide: 'alias', useExisting: (made as { provide: string }).provide });
    await expectLocked(app, app.get<Stock>('alias'));
  });

  /** A frozen object cannot count its calls, so the count lies outside. */
  function frozen(stock: Stock): Stock {
    const counted = { ran: 0 };
    Object.defineProperty(stock, 'ran', {
      get: () => counted.ran,
      set: (ran: number) => {
        counted.ran = ran;
      },
    });
    return Object.freeze(stock);
  }

  it("given a class that freezes its instances, then Nest's own injection serves it", async () => {
    @Injectable()
    class Frozen {
      constructor() {
        Object.freeze(this);
      }
      @Locked('stock', { wait: 0 })
      async take(): Promise<string> {
        return 'ran';
      }
    }
    const app = await start(Frozen);
    expect(await app.get(Frozen).take()).toBe('ran');
    await whileHeld(app.get(LockService), 'stock', async () => {
      await expect(app.get(Frozen).take()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    });
    const byHand = provideLocks(new Frozen());
    expect(await byHand.take()).toBe('ran');
  });

  it('given methods that name different modules, then each locks by the module that it names', async () => {
    const app = await start({ provide: Stock, useFactory: () => new SpecialStock() });
    const stock = app.get<SpecialStock>(Stock);
    expect(await stock.bill()).toBe('1 billed');
    await whileHeld(app.get(LockService), 'special', async () => {
      expect(await stock.bill()).toBe('2 billed');
    });
    await whileHeld(app.get<LockService>(getLockServiceToken('billing')), 'special', async () => {
      await expect(stock.bill()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    });
  });

  it('given a hook of the instance, then its methods lock at the start of the hook', async () => {
    const seen: unknown[] = [];
    class Early extends Stock {
      async onModuleInit(): Promise<void> {
        seen.push(await this.take());
      }
    }
    @Module({ providers: [{ provide: 'early', useFactory: () => new Early() }] })
    class Feature {}
    const app = await Test.createTestingModule({
      imports: [Feature, LockModule.forRoot({ store: memoryStore() })],
    }).compile();
    open.push(app);
    await app.init();
    expect(seen).toEqual([1]);
  });

  it('given a LockService in its own module, then that one comes first', async () => {
    const locks = memoryLocks();
    @Module({
      providers: [
        { provide: LockService, useValue: locks },
        { provide: 'own', useFactory: () => new Stock() },
      ],
    })
    class Own {}
    const app = await Test.createTestingModule({
      imports: [Own, LockModule.forRoot({ store: memoryStore() })],
    }).compile();
    open.push(app);
    await app.init();
    await whileHeld(locks, 'stock', async () => {
      await expect(app.get<Stock>('own', { strict: false }).take()).rejects.toMatchObject({
        code: 'LOCK_BUSY',
      });
    });
  });

  it.each([
    ['request', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('given a factory of %s scope, then each of its products locks', async (_, scope) => {
    const app = await start(
      { provide: Stock, scope, useFactory: () => new Stock() },
      { provide: 'promised', scope, useFactory: async () => new Stock() },
    );
    for (const token of [Stock, 'promised']) {
      const context = ContextIdFactory.create();
      const [one, two] = [await app.resolve<Stock>(token, context), await app.resolve<Stock>(token)];
      expect(one).not.toBe(two);
      await expectLocked(app, one);
      await expectLocked(app, two);
    }
  });

  it('given a transient product for another provider, then it locks', async () => {
    @Injectable()
    class Shop {
      constructor(@Inject(Stock) readonly stock: Stock) {}
    }
    const app = await start(Shop, {
      provide: Stock,
      scope: Scope.TRANSIENT,
      useFactory: () => new Stock(),
    });
    await expectLocked(app, app.get(Shop).stock);
  });
});

describe('an instance that cannot get its service', () => {
  const onlyUnnamed = (...providers: Provider[]) =>
    Test.createTestingModule({
      imports: [LockModule.forRoot({ store: memoryStore() })],
      providers,
    }).compile();

  it.each<[string, Provider]>([
    ['a factory', { provide: 'stock', useFactory: () => new SpecialStock() }],
    ['a value', { provide: 'stock', useValue: new SpecialStock() }],
    [
      'a factory of request scope, seen by its token',
      { provide: SpecialStock, scope: Scope.REQUEST, useFactory: () => new SpecialStock() },
    ],
  ])(
    'given %s whose methods name a missing module, then the application does not start',
    async (_, provider) => {
      const app = await onlyUnnamed(provider);
      await expect(app.init()).rejects.toThrow(LockWiringError);
      await expect((await onlyUnnamed(provider)).init()).rejects.toThrow(
        /An instance of SpecialStock .*import LockModule\.forRoot\(\{ name: 'billing' \}\) in the root module\. This application has the unnamed LockModule\.$/,
      );
    },
  );

  it('given one value in two applications, then the second does not start while the first runs', async () => {
    const stock = new Stock();
    const first = await start({ provide: Stock, useValue: stock });
    const second = await onlyUnnamed({ provide: Stock, useValue: stock });
    await expect(second.init()).rejects.toThrow(/One instance of Stock .* two applications of this process/);
    await expectLocked(first, stock);
    // When the first application has closed, the next may use the value, as tests with an application each do.
    await first.close();
    open.length = 0;
    await expectLocked(await start({ provide: Stock, useValue: stock }), stock);
  });

  it('given an instance that has a service already, then it keeps that service', async () => {
    const locks = memoryLocks();
    const stock = provideLocks(new Stock(), locks);
    await start({ provide: Stock, useValue: stock });
    await whileHeld(locks, 'stock', async () => {
      await expect(stock.take()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    });
  });
});

describe("an instance that the application's code makes", () => {
  it('given no service, then a call fails and names attachLockService; given it for each module, then calls lock', async () => {
    const stock = new SpecialStock();
    await expect(stock.bill()).rejects.toThrow(
      /attachLockService\(instance, lockService\) from 'nestjs-locked'/,
    );
    const app = await start();
    const billing = app.get<LockService>(getLockServiceToken('billing'));
    expect(attachLockService(stock, billing, 'billing')).toBe(stock);
    await expect(stock.bill()).rejects.toThrow(LockWiringError);
    attachLockService(stock, app.get(LockService));
    expect(await stock.bill()).toBe('1 billed');
    await expectLocked(app, stock);
  });

  it('given no method with a lock of that module, then attachLockService refuses', () => {
    expect(() => attachLockService(new Stock(), memoryLocks(), 'billing')).toThrow(
      /Stock has no method with @Locked\(\{ service: 'billing' \}\)/,
    );
    expect(() => attachLockService({}, memoryLocks())).toThrow(/Object has no method with @Locked\./);
  });
});
