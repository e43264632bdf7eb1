/** `nestjs-locked/testing`: locks in memory that a test controls, and mocks that do not run the work. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module, Param } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test, type TestingModule } from '@nestjs/testing';
import { ModuleMocker } from 'jest-mock';
import {
  getLockServiceToken,
  getLockStoreToken,
  InjectLockService,
  isLockError,
  Locked,
  LockLostError,
  LockModule,
  type LockModuleRootOptions,
  LockOptionsError,
  LockService,
  LockWiringError,
} from 'nestjs-locked';
import { LockControls, LockTestingModule, memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { startHttp } from '../support/http-app.js';

@Injectable()
class Stock {
  readonly ran: string[] = [];
  step: Deferred | undefined;

  constructor(@Inject(LockService) readonly locks: LockService) {}

  @Locked('stock:{0}', { wait: '5s' })
  async take(sku: string): Promise<string> {
    this.ran.push(sku);
    await this.step?.promise;
    return sku;
  }

  @Locked('stock:{0}', { wait: 0 })
  async tryTake(sku: string): Promise<string> {
    return sku;
  }
}

const open: TestingModule[] = [];

async function start(imports = [LockTestingModule.forRoot()]): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports, providers: [Stock] }).compile();
  open.push(module);
  return module.init();
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((module) => module.close()));
});

describe('LockTestingModule', () => {
  it('given calls without Redis, then each is recorded with its method, keys, options and outcome', async () => {
    const module = await start();
    const controls = module.get(LockControls);
    const [stock, locks] = [module.get(Stock), module.get(LockService)];
    expect(await stock.take('apples')).toBe('apples');
    const held = await locks.acquire(['a', 'b'], { ttl: '5s' });
    expect(await locks.tryAcquire('b')).toBeNull();
    await expect(locks.acquire('b', { wait: 0 })).rejects.toThrow(/is busy/);
    await expect(locks.using('', () => 1)).rejects.toThrow(/key/);
    await expect(locks.acquire(undefined as never)).rejects.toThrow(/must be a string/);
    await held.release();
    await expect(
      locks.using('a', () => {
        throw new Error('own');
      }),
    ).rejects.toThrow('own');
    expect(
      controls.calls.map(({ method, keys, outcome }) => `${method} ${keys.join('+')}: ${outcome}`),
    ).toEqual([
      'using stock:apples: held',
      'acquire a+b: held',
      'tryAcquire b: busy',
      'acquire b: busy',
      'using : failed',
      'acquire : failed',
      'using a: held',
    ]);
    expect(controls.callsOf('a')).toEqual([controls.calls[1], controls.calls[6]]);
    expect(controls.calls[0].options).toMatchObject({ wait: '5s' });
    expect(controls.calls[1].options).toEqual({ ttl: '5s' });
    expect(isLockError(controls.calls[3].error, 'LOCK_BUSY')).toBe(true);
    expect(controls.calls[6].error).toBeUndefined();
  });

  it('given a key that another process holds, then callers wait for it, or find it busy', async () => {
    const module = await start();
    const [stock, controls] = [module.get(Stock), module.get(LockControls)];
    await controls.hold('stock:pears');
    await expect(stock.tryTake('pears')).rejects.toMatchObject({
      code: 'LOCK_BUSY',
      holder: 'another process',
    });
    const waiting = stock.take('pears');
    await eventually(() => expect(controls.calls).toHaveLength(2));
    expect(controls.calls[1].outcome).toBe('waiting');
    expect(stock.ran).toEqual([]);
    await controls.release('stock:pears');
    expect(await waiting).toBe('pears');
    expect(controls.calls[1].outcome).toBe('held');
  });

  it('given a lock that is lost while it is held, then its call rejects once it has settled, and the key is free', async () => {
    const module = await start();
    const [stock, controls] = [module.get(Stock), module.get(LockControls)];
    const locks = module.get(LockService);
    stock.step = deferred();
    const settled = jest.fn();
    const taking = stock.take('plums');
    taking.catch(settled);
    await eventually(() => expect(stock.ran).toEqual(['plums']));
    await controls.expire('stock:plums');
    // The work is not interrupted, and its caller is told only when it has settled.
    expect(settled).not.toHaveBeenCalled();
    // The key is free meanwhile.
    await (await locks.acquire('stock:plums', { wait: 0 })).release();
    stock.step.resolve();
    await expect(taking).rejects.toThrow(LockLostError);

    const lock = await locks.acquire('a');
    await controls.expire('a');
    expect([lock.held, lock.signal.aborted]).toEqual([false, true]);
    await expect(controls.expire('a')).rejects.toThrow('"a" is held by nobody');
    // The failed expire() has left nothing behind.
    await (await locks.acquire('a', { wait: 0 })).release();
  });

  it('given a store that does not answer, then calls fail; given it back, then they work, and held locks stay', async () => {
    const module = await start();
    const [stock, controls] = [module.get(Stock), module.get(LockControls)];
    const lock = await module.get(LockService).acquire('a');
    controls.disconnect();
    await expect(stock.take('figs')).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(controls.callsOf('stock:figs')[0].outcome).toBe('failed');
    expect(stock.ran).toEqual([]);
    controls.reconnect();
    expect(await stock.take('figs')).toBe('figs');
    expect(lock.held).toBe(true);
    expect(await lock.release()).toBe(true);
  });

  it('given reset(), then holds, calls and the outage are gone', async () => {
    const module = await start();
    const [stock, controls] = [module.get(Stock), module.get(LockControls)];
    await controls.hold('stock:nuts');
    await expect(controls.hold('stock:nuts')).rejects.toThrow('"stock:nuts" is held already');
    await expect(controls.release('other')).rejects.toThrow('hold("other") was not called');
    controls.disconnect();
    await controls.reset();
    expect(controls.calls).toEqual([]);
    expect(await stock.tryTake('nuts')).toBe('nuts');
  });

  it('given HTTP clients, then they get the replies of production', async () => {
    @Controller()
    class Routes {
      @Get(':sku')
      @Locked('stock:{params.sku}', { wait: 0 })
      async take(@Param('sku') sku: string): Promise<string> {
        return sku;
      }
    }
    const http = await startHttp(() => new ExpressAdapter(), {
      imports: [LockTestingModule.forRoot({ http: { busyStatus: 409 } })],
      controllers: [Routes],
    });
    const controls = http.module.get(LockControls);
    await controls.hold('stock:kiwis', 4_500);
    const busy = await http.get('/kiwis');
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([409, '5']);
    controls.disconnect();
    expect((await http.get('/kiwis')).status).toBe(503);
    await controls.reset();
    expect(await (await http.get('/kiwis')).text()).toBe('kiwis');
    await http.app.close();
  });

  it('given named modules, then each has controls, and modules with the same controls exclude each other', async () => {
    @Injectable()
    class Billing {
      constructor(@InjectLockService('billing') readonly locks: LockService) {}
      @Locked('a', { service: 'billing', wait: 0 })
      async run(): Promise<void> {}
    }
    const controls = new LockControls();
    const module = await Test.createTestingModule({
      imports: [
        LockTestingModule.forRoot(),
        LockTestingModule.forRoot({ name: 'billing', controls }),
        LockTestingModule.forRoot({ name: 'mail', controls }),
      ],
      providers: [Billing],
    }).compile();
    open.push(await module.init());
    await module.get(LockControls).hold('a');
    await module.get(Billing).run();
    const held = await module.get<LockService>(getLockServiceToken('mail')).acquire('a');
    await expect(module.get(Billing).run()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await held.release();
    expect(controls.calls.map(({ outcome }) => outcome)).toEqual(['held', 'held', 'busy']);
    expect(module.get(LockControls).calls).toEqual([]);
  });

  it('given a bare import or an option of production, then it refuses and says what to do', async () => {
    const bare = Test.createTestingModule({ imports: [LockTestingModule] }).compile();
    await expect(bare).rejects.toThrow(/Import LockTestingModule\.forRoot\(\)/);
    const production: LockModuleRootOptions = { redis: 'redis://localhost' };
    expect(() => LockTestingModule.forRoot(production)).toThrow(LockOptionsError);
  });
});

describe('LockControls', () => {
  it('given instances made by hand, then they use the controls', async () => {
    const controls = new LockControls();
    const locks = memoryLocks(controls);
    const stock = provideLocks(new Stock(locks), locks);
    await controls.hold('stock:a');
    await expect(stock.tryTake('a')).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    expect(controls.calls.map(({ outcome }) => outcome)).toEqual(['busy']);
  });

  it('given a whole application, then the controls replace its store', async () => {
    @Module({ imports: [LockModule.forRoot({ redis: 'redis://nowhere.invalid' })], providers: [Stock] })
    class AppModule {}
    const controls = new LockControls();
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(getLockStoreToken())
      .useValue(controls.store)
      .compile();
    open.push(await module.init());
    await controls.hold('stock:a');
    await expect(module.get(Stock).tryTake('a')).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await controls.release('stock:a');
    expect(await module.get(Stock).tryTake('a')).toBe('a');
  });
});

describe('a mock that does not run the work', () => {
  /** The mocker of Nest's documentation. */
  it("given jest's automatic mock, then the call is refused", async () => {
    const mocker = new ModuleMocker(globalThis);
    const module = await Test.createTestingModule({ providers: [Stock] })
      .useMocker((token) => {
        if (typeof token !== 'function') return undefined;
        const metadata = mocker.getMetadata(token);
        return metadata && new (mocker.generateFromMetadata(metadata) as new () => object)();
      })
      .compile();
    const stock = module.get(Stock);
    await expect(stock.take('a')).rejects.toThrow(LockWiringError);
    expect(stock.ran).toEqual([]);
  });

  it('given a spy without an implementation, then the call is refused', async () => {
    const locks = memoryLocks();
    const stock = provideLocks(new Stock(locks), locks);
    jest.spyOn(locks, 'using').mockResolvedValue(undefined);
    await expect(stock.take('a')).rejects.toThrow(/a mock that swallows it/);
    jest.restoreAllMocks();
    expect(await stock.take('a')).toBe('a');
  });
});
