/** `@Locked` methods: keys, the current lock, scopes, inheritance and several modules. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Global, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getLockServiceToken,
  type Lock,
  Locked,
  lockKey,
  LockKeyError,
  LockModule,
  LockService,
  memoryStore,
} from 'nestjs-locked';
import { memoryLocks } from 'nestjs-locked/testing';
import { expectExclusion, work } from '../support/exclusion.js';
import { endAll, startInMemory } from '../support/module-apps.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await endAll();
});

@Injectable()
class Stock {
  readonly locks = 'my own';
  constructor(@Inject(LockService) private readonly service: LockService) {}

  @Locked((sku: string) => lockKey`stock:${sku}`)
  async take(_sku: string): Promise<Lock> {
    await work();
    return this.service.current();
  }

  @Locked('stock:{0.sku}:{1}')
  async move(_item: { sku: string }, _to: number): Promise<readonly string[]> {
    return this.service.current().keys;
  }

  @Locked(['b:{0}', 'a', 'b:{0}'])
  async several(_id: number): Promise<readonly string[]> {
    return this.service.current().keys;
  }

  @Locked((from: string, to: string) => [lockKey`account:${from}`, lockKey`account:${to}`])
  async transfer(_from: string, _to: string): Promise<readonly string[]> {
    return this.service.current().keys;
  }
}

describe('a locked method', () => {
  it('given two calls of one key, then they exclude each other, and each has its lock as the current one', async () => {
    const stock = (await startInMemory({ providers: [Stock] })).get(Stock);
    await expectExclusion(
      () => stock.take('a'),
      () => stock.take('a'),
    );
    const lock = await stock.take('a:b');
    expect(lock.keys).toEqual(['stock:a%3Ab']);
    expect(lock.held).toBe(false);
  });

  it('given templates of arguments or several keys, then keys are made, sorted, and each taken once', async () => {
    const stock = (await startInMemory({ providers: [Stock] })).get(Stock);
    expect(await stock.move({ sku: 'x' }, 7)).toEqual(['stock:x:7']);
    expect(await stock.several(1)).toEqual(['a', 'b:1']);
    expect(await stock.transfer('z', 'y')).toEqual(['account:y', 'account:z']);
    expect(await stock.transfer('y', 'y')).toEqual(['account:y']);
  });

  it('given undefined in a key, then the call is refused with LOCK_KEY and does not run', async () => {
    const stock = (await startInMemory({ providers: [Stock] })).get(Stock);
    const take = stock.take(undefined as unknown as string);
    await expect(take).rejects.toThrow(LockKeyError);
    await expect(stock.move({} as { sku: string }, 7)).rejects.toThrow(
      /"stock:\{0\.sku\}:\{1\}".*\{0\.sku\} is undefined/,
    );
  });

  it('given an instance, then its service is a hidden symbol, and no own property is overwritten', async () => {
    const app = await startInMemory({ providers: [Stock] });
    const stock = app.get(Stock);
    expect(stock.locks).toBe('my own');
    expect(Object.keys(stock).sort()).toEqual(['locks', 'service']);
    const symbols = Object.getOwnPropertySymbols(stock);
    expect(symbols).toHaveLength(1);
    expect(Object.prototype.propertyIsEnumerable.call(stock, symbols[0])).toBe(false);
    expect(stock).toEqual(new Stock(app.get(LockService)));
  });

  it('given any caller, then each call locks once', async () => {
    @Injectable()
    class Caller {
      constructor(@Inject(Stock) readonly stock: Stock) {}
      call(): Promise<unknown> {
        return this.stock.take('a');
      }
    }
    const app = await startInMemory({ providers: [Stock, Caller] });
    const using = jest.spyOn(app.get(LockService), 'using');
    await app.get(Stock).take('a');
    expect(using).toHaveBeenCalledTimes(1);
    await app.get(Caller).call();
    expect(using).toHaveBeenCalledTimes(2);
    const { take } = Stock.prototype;
    await take.call(app.get(Stock), 'a');
    expect(using).toHaveBeenCalledTimes(3);
  });

  it('given calls within one class, then they lock like any other', async () => {
    @Injectable()
    class Outer {
      constructor(@Inject(LockService) private readonly service: LockService) {}
      @Locked('outer')
      async outer(): Promise<readonly string[]> {
        return this.inner();
      }
      @Locked('inner')
      async inner(): Promise<readonly string[]> {
        return [...this.service.current().keys, ...this.service.current('outer').keys];
      }
      @Locked('outer')
      async again(): Promise<unknown> {
        return this.outer();
      }
    }
    const outer = (await startInMemory({ providers: [Outer] })).get(Outer);
    expect(await outer.outer()).toEqual(['inner', 'outer']);
    await expect(outer.again()).rejects.toMatchObject({ code: 'LOCK_REENTRY' });
  });

  it('given an error of the method, then it passes through unchanged', async () => {
    const own = new TypeError('no such sku');
    class Failing {
      @Locked('a')
      async fail(): Promise<void> {
        throw own;
      }
      @Locked('a')
      fails(): Promise<void> {
        throw own;
      }
    }
    const failing = (await startInMemory({ providers: [Failing] })).get(Failing);
    await expect(failing.fail()).rejects.toBe(own);
    await expect(failing.fails()).rejects.toBe(own);
  });
});

describe('scopes and inheritance', () => {
  it.each([
    ['request', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('given a %s-scoped class, then its instances exclude each other', async (_, scope) => {
    @Injectable({ scope })
    class Scoped {
      @Locked('a')
      async take(): Promise<void> {
        await work();
      }
    }
    const app = await startInMemory({ providers: [Scoped] });
    const [one, two] = await Promise.all([app.resolve(Scoped), app.resolve(Scoped)]);
    expect(one).not.toBe(two);
    await expectExclusion(
      () => one.take(),
      () => two.take(),
    );
  });

  abstract class Base {
    readonly called: string[] = [];
    protected abstract readonly prefix: string;
    @Locked((id: string) => lockKey`base:${id}`)
    async take(id: string): Promise<string> {
      await work();
      return this.prefix + id;
    }
  }

  it('given a method of an abstract base, then subclasses share its lock, and injected properties stay', async () => {
    @Injectable()
    class Derived extends Base {
      protected readonly prefix = 'd';
      @Inject('LABEL') readonly label!: string;
    }
    @Injectable()
    class Locking extends Base {
      protected readonly prefix = 'l';
      @Locked('own')
      async own(): Promise<string> {
        return this.take('own');
      }
    }
    const app = await startInMemory({
      providers: [Derived, Locking, { provide: 'LABEL', useValue: 'label' }],
    });
    expect(await app.get(Derived).take('x')).toBe('dx');
    expect(app.get(Derived).label).toBe('label');
    expect(await app.get(Locking).own()).toBe('lown');
    await expectExclusion(
      () => app.get(Derived).take('x'),
      () => app.get(Locking).take('x'),
    );
  });

  it('given an overriding method, then it locks by its own decorator, and super by that of the parent', async () => {
    @Injectable()
    class Overriding extends Base {
      protected readonly prefix = 'o';
      @Locked((id: string) => lockKey`overriding:${id}`)
      override async take(id: string): Promise<string> {
        return `(${await super.take(id)})`;
      }
    }
    @Injectable()
    class Plain extends Base {
      protected readonly prefix = 'p';
      override async take(id: string): Promise<string> {
        return this.prefix + id;
      }
    }
    const app = await startInMemory({ providers: [Overriding, Plain] });
    const using = jest.spyOn(app.get(LockService), 'using');
    expect(await app.get(Overriding).take('x')).toBe('(ox)');
    expect(using.mock.calls.map(([key]) => key)).toEqual([['overriding:x'], ['base:x']]);
    expect(await app.get(Plain).take('x')).toBe('px');
    expect(using).toHaveBeenCalledTimes(2);
  });

  it('given two applications in one process, then each has its own locks', async () => {
    const [one, two] = [
      await startInMemory({ providers: [Stock] }),
      await startInMemory({ providers: [Stock] }),
    ];
    const held = await one.get(LockService).acquire('stock:a');
    await expect(two.get(Stock).take('a')).resolves.toBeDefined();
    const waiting = one.get(Stock).take('a');
    await held.release();
    await waiting;
    await two.close();
    await expect(one.get(Stock).take('a')).resolves.toBeDefined();
  });

  it('given a named module, then it serves the methods that name it', async () => {
    @Injectable()
    class Billing {
      @Locked('a')
      async plain(): Promise<void> {}
      @Locked('a', { service: 'billing' })
      async bill(): Promise<void> {}
    }
    const app = await startInMemory({
      imports: [LockModule.forRoot({ name: 'billing', store: memoryStore() })],
      providers: [Billing],
    });
    const [plain, billing] = [app.get(LockService), app.get<LockService>(getLockServiceToken('billing'))].map(
      (service) => jest.spyOn(service, 'using'),
    );
    await app.get(Billing).bill();
    expect([plain, billing].map((spy) => spy.mock.calls.length)).toEqual([0, 1]);
    await app.get(Billing).plain();
    expect([plain, billing].map((spy) => spy.mock.calls.length)).toEqual([1, 1]);
  });
});

describe('a global mock of the module', () => {
  it('given a service that is provided by its token, then locked methods use it', async () => {
    @Global()
    @Module({
      providers: [{ provide: LockService, useFactory: () => memoryLocks() }],
      exports: [LockService],
    })
    class FakeLocks {}
    const app = await Test.createTestingModule({ imports: [FakeLocks], providers: [Stock] }).compile();
    expect((await app.get(Stock).take('a')).keys).toEqual(['stock:a']);
  });
});
