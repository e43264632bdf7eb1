/** LockModule in applications: forRoot(), forRootAsync(), and several modules side by side. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  InjectLockService,
  LockModule,
  type LockModuleOptions,
  type LockOptionsFactory,
  LockService,
  getLockServiceToken,
  getLockStoreToken,
  memoryStore,
} from 'nestjs-locked';
import type { ResolvedModuleOptions } from '../../lib/module/resolve-module-options.js';
import { RESOLVED_OPTIONS } from '../../lib/module/lock-module.registry.js';
import { endAfterTest, endAll, connectionsOf, start, startServer } from '../support/module-apps.js';

afterEach(endAll);

describe('LockModule.forRoot', () => {
  it('given no argument, then it uses Redis on localhost:6379, and does not connect before the start', async () => {
    const module = await Test.createTestingModule({ imports: [LockModule.forRoot()] }).compile();
    const { target } = module.get<ResolvedModuleOptions>(RESOLVED_OPTIONS, { strict: false });
    expect(target).toMatchObject({ redis: { kind: 'url', url: 'redis://localhost:6379' }, prefix: 'lock:' });
    expect(module.get(LockService)).toBeInstanceOf(LockService);
  });

  it('given a store, then the module is global', async () => {
    @Injectable()
    class Stock {
      constructor(readonly locks: LockService) {}
    }
    @Module({ providers: [Stock] })
    class StockModule {}
    const app = await start(LockModule.forRoot({ store: memoryStore() }), StockModule);
    const { locks } = app.get(Stock, { strict: false });
    await expect(locks.using('a', async (lock) => lock.held)).resolves.toBe(true);
  });

  it('given isGlobal: false, then only modules that import it have the service', async () => {
    @Injectable()
    class Stock {
      constructor(readonly locks: LockService) {}
    }
    @Module({ imports: [LockModule.forRoot({ store: memoryStore(), isGlobal: false })], providers: [Stock] })
    class Importer {}
    @Module({ providers: [Stock] })
    class Other {}
    const app = await start(Importer);
    expect(app.get(Stock, { strict: false }).locks).toBeInstanceOf(LockService);
    await expect(start(Importer, Other)).rejects.toThrow(/can't resolve dependencies of the Stock/);
  });

  it('given an invalid option, then forRoot() throws at once', () => {
    expect(() => LockModule.forRoot({ redis: 42 } as never)).toThrow(/"redis" is 42/);
    expect(() => LockModule.forRoot({ prefx: 'x:' } as never)).toThrow(/Did you mean "prefix"/);
    expect(() => LockModule.forRoot({ naem: 'x' } as never)).toThrow(/Did you mean "name"/);
    expect(() => LockModule.forRoot({ redis: undefined })).toThrow(/"redis" is given as undefined/);
    expect(() => LockModule.forRoot({ redis: undefined, name: 'a' })).toThrow(
      /"redis" is given as undefined/,
    );
    expect(() => LockModule.forRoot({ name: '' })).toThrow(/"name" is ''/);
    expect(() => LockModule.forRoot({ isGlobal: 'no' } as never)).toThrow(/"isGlobal"/);
    expect(() => LockModule.forRoot(null as never)).toThrow(/must be an object/);
  });

  it('given defaults, then the service uses them', async () => {
    const app = await start(LockModule.forRoot({ store: memoryStore(), defaults: { ttl: '5s', wait: 0 } }));
    const locks = app.get(LockService);
    await using lock = await locks.acquire('a');
    expect(lock.remaining).toBeGreaterThan(4_000);
    expect(lock.remaining).toBeLessThanOrEqual(5_000);
    await expect(locks.acquire('a')).rejects.toMatchObject({ code: 'LOCK_BUSY', waited: expect.any(Number) });
  });

  it('given a bare LockModule import, then the start fails and says what to import', async () => {
    await expect(start(LockModule)).rejects.toMatchObject({
      code: 'LOCK_WIRING',
      message: expect.stringContaining('Import LockModule.forRoot() in the root module'),
    });
  });
});

describe('LockModule.forRootAsync', () => {
  const OPTIONS = Symbol('options');

  class Config implements LockOptionsFactory {
    static made = 0;
    readonly store = memoryStore();
    constructor() {
      Config.made += 1;
    }
    createLockOptions(): LockModuleOptions {
      return { store: this.store, owner: 'config' };
    }
  }
  @Module({
    providers: [Config, { provide: OPTIONS, useValue: { store: memoryStore() } }],
    exports: [Config, OPTIONS],
  })
  class ConfigModule {}

  it('given a factory with dependencies, then it is used', async () => {
    const app = await start(
      LockModule.forRootAsync({
        imports: [ConfigModule],
        inject: [OPTIONS],
        useFactory: async (options: LockModuleOptions) => options,
      }),
    );
    await expect(app.get(LockService).using('a', async () => 1)).resolves.toBe(1);
  });

  it('given a class, then it is made once and used', async () => {
    Config.made = 0;
    const app = await start(LockModule.forRootAsync({ useClass: Config }));
    expect(Config.made).toBe(1);
    await expect(app.get(LockService).using('a', async () => 1)).resolves.toBe(1);
  });

  it('given an existing provider, then it is used, and no second one is made', async () => {
    Config.made = 0;
    const app = await start(LockModule.forRootAsync({ imports: [ConfigModule], useExisting: Config }));
    expect(Config.made).toBe(1);
    expect(app.get(getLockStoreToken())).toBe(app.get(Config, { strict: false }).store);
  });

  it('given a name and isGlobal: false, then both apply', async () => {
    const app = await start(
      LockModule.forRootAsync({
        name: 'billing',
        isGlobal: false,
        useFactory: () => ({ store: memoryStore() }),
      }),
    );
    expect(app.get(getLockServiceToken('billing'), { strict: false })).toBeInstanceOf(LockService);
    expect(() => app.get(LockService, { strict: false })).toThrow();
  });

  it.each([
    [{ redis: 42 }, 'redis', /"redis" is 42/],
    [{ prefx: 'x:' }, 'prefx', /Did you mean "prefix"/],
    [{ name: 'billing' }, 'name', /too late/],
    [{ redis: undefined }, 'redis', /"redis" is given as undefined/],
    [{ redis: { hots: 'x' } }, 'redis.hots', /did you mean "redis.host"/],
    [undefined, 'options', /factory must return it/],
  ])(
    'given a factory that returns %j, then the start fails and names "%s"',
    async (options, option, message) => {
      const failing = start(LockModule.forRootAsync({ useFactory: () => options as never }));
      await expect(failing).rejects.toMatchObject({
        code: 'LOCK_OPTIONS',
        option,
        message: expect.stringMatching(message),
      });
    },
  );
});

describe('several LockModules', () => {
  it('given different names, then they work side by side', async () => {
    @Injectable()
    class Invoices {
      constructor(
        readonly locks: LockService,
        @InjectLockService('billing') readonly billing: LockService,
        @InjectLockService() readonly same: LockService,
      ) {}
    }
    @Injectable()
    class Late {
      @InjectLockService('stock') readonly stock!: LockService;
    }
    @Module({ providers: [Invoices, Late] })
    class Invoicing {}
    const shared = memoryStore();
    const app = await start(
      LockModule.forRoot({ store: shared }),
      LockModule.forRoot({ name: 'billing', store: shared }),
      LockModule.forRootAsync({ name: 'stock', useFactory: () => ({ store: memoryStore() }) }),
      Invoicing,
    );
    const { locks, billing, same } = app.get(Invoices, { strict: false });
    const { stock } = app.get(Late, { strict: false });
    expect(same).toBe(locks);
    expect(new Set([locks, billing, stock]).size).toBe(3);
    await using _held = await locks.acquire('a');
    await expect(billing.tryAcquire('a')).resolves.toBeNull();
    await using other = await stock.tryAcquire('a');
    expect(other?.held).toBe(true);
  });

  it('given two copies of the package, then their tokens are the same', () => {
    expect(getLockServiceToken('billing')).toBe(
      Symbol.for("LockService of LockModule.forRoot({ name: 'billing' }), which the root module must import"),
    );
    expect(getLockStoreToken('billing')).toBe(Symbol.for('nestjs-locked.store:billing'));
    expect(getLockStoreToken()).toBe(Symbol.for('nestjs-locked.store'));
    expect(getLockServiceToken()).toBe(LockService);
  });

  it('given two modules without a name, then the start fails before any connection is opened', async () => {
    const server = await startServer();
    const before = await connectionsOf(server);
    @Module({ imports: [LockModule.forRootAsync({ useFactory: () => ({ redis: server.url }) })] })
    class Feature {}
    await expect(start(LockModule.forRoot({ redis: server.url }), Feature)).rejects.toMatchObject({
      code: 'LOCK_OPTIONS',
      option: 'name',
      message: expect.stringMatching(
        /two LockModules without a name.*Import LockModule\.forRoot\(\) once.*give it a name/,
      ),
    });
    // The additional connection is that of the query itself.
    expect(await connectionsOf(server)).toBe(before + 1);
  });

  it('given two modules with one name, then the start fails', async () => {
    const one = LockModule.forRoot({ store: memoryStore() });
    const billing = () => LockModule.forRoot({ name: 'billing', store: memoryStore() });
    await expect(start(one, billing(), billing())).rejects.toThrow(/two LockModules with the name "billing"/);
  });

  it('given one module that is imported twice, then the application starts', async () => {
    const locks = LockModule.forRoot({ store: memoryStore() });
    @Module({ imports: [locks] })
    class Feature {}
    const app = await start(locks, Feature);
    expect(app.get(LockService)).toBeInstanceOf(LockService);
  });

  it('given two applications in one process, then each has its own locks', async () => {
    @Module({ imports: [LockModule.forRootAsync({ useFactory: () => ({ store: memoryStore() }) })] })
    class AppModule {}
    const [one, two] = [await start(AppModule), await start(AppModule)];
    const [first, second] = [
      one.get(LockService, { strict: false }),
      two.get(LockService, { strict: false }),
    ];
    expect(first).not.toBe(second);
    const held = await first.acquire('a');
    const other = await second.acquire('a');
    await held.release();
    await one.close();
    expect(other.held).toBe(true);
    await other.release();
    await expect(second.using('a', async () => 'runs')).resolves.toBe('runs');
    const real = await NestFactory.createApplicationContext(AppModule, { logger: false });
    endAfterTest(() => real.close());
    await expect(real.get(LockService).using('a', async () => 'runs')).resolves.toBe('runs');
  });
});
