/** Two copies of the package in one application: classes that use one copy work with the LockModule of the other. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, type DynamicModule, Get, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import * as own from 'nestjs-locked';
import { LockControls, LockTestingModule, memoryLocks } from 'nestjs-locked/testing';
import { loadCopy, type PackageCopy } from '../support/package-copy.js';

type Locked = typeof own;

let copy: PackageCopy;
let other: Locked;
const cleanups: Array<() => unknown> = [];

beforeAll(async () => {
  copy = await loadCopy();
  other = copy.locked;
});

afterAll(() => copy.remove());

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Stock {
  readonly locks: own.LockService;
  take(): Promise<unknown>;
}

/** A class of a library that uses a copy. */
function stockOf({ Locked, InjectLockService }: Locked): Type<Stock> {
  @Injectable()
  class LibraryStock {
    constructor(@InjectLockService() readonly locks: object) {}

    @Locked('stock', { wait: 0 })
    async take(): Promise<string> {
      return 'taken';
    }
  }
  return LibraryStock as unknown as Type<Stock>;
}

/** A class with a constructor parameter of the LockService class of a copy. */
function shopOf({ LockService }: Locked): Type {
  class Shop {
    constructor(readonly locks: object) {}
  }
  Reflect.defineMetadata('design:paramtypes', [LockService], Shop);
  Injectable()(Shop);
  return Shop;
}

/** Starts an application in which the class lies in a module of its own, as in a library. */
async function start<T>(
  module: DynamicModule,
  provider: Type<T>,
  change: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
) {
  @Module({ providers: [provider] })
  class Library {}
  const app = await change(Test.createTestingModule({ imports: [module, Library] })).compile();
  cleanups.push(() => app.close());
  await app.init();
  return { app, made: app.get<T>(provider, { strict: false }) };
}

describe.each<[string, () => Locked, () => Locked]>([
  ['one copy', () => own, () => other],
  ['another copy', () => other, () => own],
])('given the LockModule of %s, and classes that use the other copy', (_title, module, user) => {
  const locked = (options: own.LockModuleRootOptions = {}) =>
    module().LockModule.forRoot({ store: own.memoryStore(), ...options });

  it('given @Locked and @InjectLockService(), then they lock by the service of the module', async () => {
    expect(user().LockService).not.toBe(module().LockService);
    const { app, made } = await start(locked(), stockOf(user()));
    const service = app.get<own.LockService>(module().LockService, { strict: false });
    expect(made.locks).toBe(service);
    await expect(made.take()).resolves.toBe('taken');
    await using _held = await service.acquire('stock');
    await expect(made.take()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    expect(own.isLockError(await made.take().catch((error: unknown) => error), 'LOCK_BUSY')).toBe(true);
  });

  it('given a module that is not global, then the modules that import it get its service', async () => {
    @Module({ imports: [locked({ isGlobal: false })], providers: [stockOf(user())], exports: [] })
    class Importer {}
    const app = await Test.createTestingModule({ imports: [Importer] }).compile();
    cleanups.push(() => app.close());
    expect(app.get<own.LockService>(user().LockService, { strict: false })).toBe(
      app.get(module().LockService, { strict: false }),
    );
  });

  it.each([
    ['the module', module, user],
    ['the classes', user, module],
  ])(
    'given a test that overrides the LockService of the copy of %s by a value, then both copies have the value',
    async (_whose, overridden, rest) => {
      const fake = memoryLocks();
      const { app, made } = await start(locked(), stockOf(user()), (builder) =>
        builder.overrideProvider(overridden().LockService).useValue(fake),
      );
      expect(made.locks).toBe(fake);
      expect(app.get(rest().LockService, { strict: false })).toBe(fake);
      await using _held = await fake.acquire('stock');
      await expect(made.take()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    },
  );

  it('given an override by a factory, then both copies have it, or the start says which LockService to override', async () => {
    const fake = memoryLocks();
    const override = (token: Type) => (builder: TestingModuleBuilder) =>
      builder.overrideProvider(token).useFactory({ factory: async () => fake });
    const { made } = await start(locked(), stockOf(user()), override(module().LockService));
    expect(made.locks).toBe(fake);
    await expect(start(locked(), stockOf(user()), override(user().LockService))).rejects.toMatchObject({
      code: 'LOCK_WIRING',
      message: expect.stringMatching(/override its LockService, or use useValue\(\)/),
    });
  });

  it('given the type of a constructor parameter, then the start fails and names both copies and where they are', async () => {
    const places = [copy.dir, process.cwd()];
    await expect(start(locked(), shopOf(user()))).rejects.toMatchObject({
      code: 'LOCK_WIRING',
      message: expect.stringMatching(/two copies of nestjs-locked.*constructor of Shop/),
    });
    const error = await start(locked(), shopOf(user())).catch((failure: Error) => failure);
    for (const place of places) expect((error as Error).message).toContain(place);
  });

  it('given a second LockModule of the other copy, then it is refused without a name, and accepted with a name', async () => {
    const theirs = (options: object) => user().LockModule.forRoot({ store: own.memoryStore(), ...options });
    const two = Test.createTestingModule({ imports: [locked(), theirs({})] }).compile();
    await expect(two).rejects.toMatchObject({
      code: 'LOCK_OPTIONS',
      message: expect.stringMatching(
        /without a name in this application.*two copies of nestjs-locked: at \S+ and at \S+/,
      ),
    });
    const app = await Test.createTestingModule({
      imports: [locked(), theirs({ name: 'billing' })],
    }).compile();
    cleanups.push(() => app.close());
    await app.init();
    expect(app.get(own.getLockServiceToken('billing'))).toBeInstanceOf(user().LockService);
    expect(app.get(module().LockService)).toBeInstanceOf(module().LockService);
  });

  it.each([
    [true, 423],
    [false, 500],
  ])(
    'given mapErrors: %p, then a busy handler of the other copy replies with status %p',
    async (mapErrors, status) => {
      const { Locked } = user();
      @Controller()
      class Tickets {
        @Get()
        @Locked('ticket', { wait: 0 })
        async sell(): Promise<string> {
          return 'sold';
        }
      }
      @Module({ imports: [locked({ mapErrors })], controllers: [Tickets] })
      class AppModule {}
      const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
      cleanups.push(() => app.close());
      await app.listen(0, '127.0.0.1');
      await using _held = await app.get<own.LockService>(module().LockService).acquire('ticket');
      expect((await fetch(await app.getUrl())).status).toBe(status);
    },
  );
});

describe('a copy that is loaded after forRoot() was called', () => {
  it('given classes of that copy, then LockModule and LockTestingModule serve them', async () => {
    const controls = new LockControls();
    const modules = [
      own.LockModule.forRoot({ store: own.memoryStore() }),
      LockTestingModule.forRoot({ controls }),
    ];
    const late = await loadCopy();
    cleanups.push(() => late.remove());
    for (const module of modules) {
      const { made } = await start(module, stockOf(late.locked));
      await expect(made.take()).resolves.toBe('taken');
    }
    expect(controls.callsOf('stock')).toHaveLength(1);
  });
});
