/** `@Locked` on the methods of classes that Nest makes: wiring, scopes, inheritance, other decorators, onBusy. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type DynamicModule,
  Global,
  Inject,
  Injectable,
  Logger,
  Module,
  type ModuleMetadata,
  Scope,
  SetMetadata,
} from '@nestjs/common';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  getLockServiceToken,
  isLockError,
  type Lock,
  LockBusyError,
  type LockedKey,
  Locked,
  lockKey,
  LockKeyError,
  LockModule,
  LockOptionsError,
  LockService,
  LockWiringError,
  memoryStore,
} from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';

const locksInMemory = (): DynamicModule => LockModule.forRoot({ store: memoryStore() });

const open: TestingModule[] = [];
const taken: Lock[] = [];

async function start({ imports = [], ...metadata }: ModuleMetadata): Promise<TestingModule> {
  const app = await Test.createTestingModule({
    imports: [locksInMemory(), ...imports],
    ...metadata,
  }).compile();
  open.push(app);
  await app.init();
  return app;
}

afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(taken.splice(0).map((lock) => lock.release()));
  await Promise.all(open.splice(0).map((app) => app.close()));
});

/** Two calls at once, of which the second may only begin when the first has ended. */
async function expectExclusion(first: () => Promise<unknown>, second: () => Promise<unknown>): Promise<void> {
  running = 0;
  most = 0;
  await Promise.all([first(), second()]);
  expect(most).toBe(1);
}
let running = 0;
let most = 0;
async function work(): Promise<void> {
  running += 1;
  most = Math.max(most, running);
  await new Promise((resolve) => setImmediate(resolve));
  running -= 1;
}

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
    const stock = (await start({ providers: [Stock] })).get(Stock);
    await expectExclusion(
      () => stock.take('a'),
      () => stock.take('a'),
    );
    const lock = await stock.take('a:b');
    expect(lock.keys).toEqual(['stock:a%3Ab']);
    expect(lock.held).toBe(false);
  });

  it('given templates of arguments or several keys, then keys are made, sorted, and each taken once', async () => {
    const stock = (await start({ providers: [Stock] })).get(Stock);
    expect(await stock.move({ sku: 'x' }, 7)).toEqual(['stock:x:7']);
    expect(await stock.several(1)).toEqual(['a', 'b:1']);
    expect(await stock.transfer('z', 'y')).toEqual(['account:y', 'account:z']);
    expect(await stock.transfer('y', 'y')).toEqual(['account:y']);
  });

  it('given undefined in a key, then the call is refused with LOCK_KEY and does not run', async () => {
    const stock = (await start({ providers: [Stock] })).get(Stock);
    const take = stock.take(undefined as unknown as string);
    await expect(take).rejects.toThrow(LockKeyError);
    await expect(stock.move({} as { sku: string }, 7)).rejects.toThrow(
      /"stock:\{0\.sku\}:\{1\}".*\{0\.sku\} is undefined/,
    );
  });

  it('given an instance, then its service is a hidden symbol, and no own property is overwritten', async () => {
    const app = await start({ providers: [Stock] });
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
    const app = await start({ providers: [Stock, Caller] });
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
    const outer = (await start({ providers: [Outer] })).get(Outer);
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
    const failing = (await start({ providers: [Failing] })).get(Failing);
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
    const app = await start({ providers: [Scoped] });
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
    const app = await start({ providers: [Derived, Locking, { provide: 'LABEL', useValue: 'label' }] });
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
    const app = await start({ providers: [Overriding, Plain] });
    const using = jest.spyOn(app.get(LockService), 'using');
    expect(await app.get(Overriding).take('x')).toBe('(ox)');
    expect(using.mock.calls.map(([key]) => key)).toEqual([['overriding:x'], ['base:x']]);
    expect(await app.get(Plain).take('x')).toBe('px');
    expect(using).toHaveBeenCalledTimes(2);
  });

  it('given two applications in one process, then each has its own locks', async () => {
    const [one, two] = [await start({ providers: [Stock] }), await start({ providers: [Stock] })];
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
    const app = await start({
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
      Test.createTestingModule({ imports: [locksInMemory()], providers: [Billing] }).compile(),
    ).rejects.toThrow(/import LockModule\.forRoot\(\{ name: 'billing' \}\) in the root module/);
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
    const app = await start({ providers: [Early] });
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

describe('other decorators', () => {
  const Tag = (tag: string): MethodDecorator => SetMetadata('tag', tag);
  /** Replaces the method, as a logging or caching decorator does. */
  const Wrap = (_target: object, _name: string | symbol, descriptor: PropertyDescriptor): void => {
    const original = descriptor.value as () => unknown;
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      return Reflect.apply(original, this, args);
    };
    for (const key of Reflect.getMetadataKeys(original)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
    }
    descriptor.value = wrapper;
  };

  it('given decorators above and below, then name, length, metadata and properties of the method stay', () => {
    const Mark: MethodDecorator = (_target, _name, descriptor) => {
      Object.assign(descriptor.value as object, { mark: true });
    };
    class Service {
      @Tag('above') @Locked('a') async above(_a: number, _b: number): Promise<void> {}
      @Locked('a') @Tag('below') @Mark async below(_a: number, _b: number, _c = 1): Promise<void> {}
    }
    const { above, below } = Service.prototype;
    expect([above.name, above.length, below.name, below.length]).toEqual(['above', 2, 'below', 2]);
    expect([above, below].map((method) => Reflect.getMetadata('tag', method) as unknown)).toEqual([
      'above',
      'below',
    ]);
    expect(below).toHaveProperty('mark', true);
    expect(Reflect.getMetadata('design:paramtypes', Service.prototype, 'below')).toEqual([
      Number,
      Number,
      Object,
    ]);
  });

  it('given two locks on one method, or wrappers above and below, then every lock is held', async () => {
    class Service {
      constructor(@Inject(LockService) private readonly service: LockService) {}
      @Locked('outer') @Locked('inner') async both(): Promise<unknown> {
        return [this.service.current().keys, this.service.current('outer').keys];
      }
      @Wrap @Locked('a') async wrapped(): Promise<unknown> {
        return this.service.current().keys;
      }
      @Locked('a') @Wrap async wrapping(): Promise<unknown> {
        return this.service.current().keys;
      }
    }
    const service = (await start({ providers: [Service] })).get(Service);
    expect(await service.both()).toEqual([['inner'], ['outer']]);
    expect(await service.wrapped()).toEqual(['a']);
    expect(await service.wrapping()).toEqual(['a']);
  });

  it('given @Cron above or below, then the job that Nest captured at its start locks', async () => {
    const ran: string[] = [];
    @Injectable()
    class Jobs {
      constructor(@Inject(LockService) private readonly service: LockService) {}
      @Cron('0 0 1 1 *', { name: 'above' })
      @Locked('job')
      async above(): Promise<void> {
        ran.push(`above under ${this.service.current().keys.join()}`);
      }
      @Locked('job', { onBusy: 'skip' })
      @Cron('0 0 1 1 *', { name: 'below' })
      async below(): Promise<void> {
        ran.push(`below under ${this.service.current().keys.join()}`);
      }
    }
    const app = await start({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });
    const jobs = app.get(SchedulerRegistry);
    const using = jest.spyOn(app.get(LockService), 'using');
    // A job does not wait for its callback.
    await jobs.getCronJob('above').fireOnTick();
    await eventually(() => expect(ran).toEqual(['above under job']));
    await Promise.all(using.mock.results.map(({ value }) => value));
    await jobs.getCronJob('below').fireOnTick();
    await eventually(() => expect(ran).toEqual(['above under job', 'below under job']));
    await Promise.all(using.mock.results.map(({ value }) => value));
    const held = await app.get(LockService).acquire('job');
    taken.push(held);
    await jobs.getCronJob('below').fireOnTick();
    await eventually(() => expect(using.mock.results).toHaveLength(3));
    await expect(using.mock.results[2].value).rejects.toThrow(LockBusyError);
    await held.release();
    expect(ran).toHaveLength(2);
  });
});

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
    const service = (await start({ providers: [Service] })).get(Service);
    const held = await service.service.acquire(key);
    taken.push(held);
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

describe('what @Locked refuses at decoration', () => {
  const decorate =
    (key: unknown, options?: object): unknown =>
    () =>
      Locked(key as LockedKey, options as never);

  it.each<[string, unknown, RegExp]>([
    ['an option', { waits: 1 }, /no lock option "waits".*Did you mean "wait"/],
    ['an option of the decorator', { onbusy: 'skip' }, /no lock option "onbusy".*Did you mean "onBusy"/],
    ['a ttl', { ttl: '30' }, /"ttl" is '30'/],
    ['an onBusy', { onBusy: 'ignore' }, /"onBusy" is 'ignore'; it must be 'throw', 'skip' or a function/],
    ['a service', { service: '' }, /"service" is ''/],
    ['a holdUntil', { holdUntil: 'sent' }, /"holdUntil" is 'sent'; it must be 'response', or left out/],
    ['an abortOn', { abortOn: true }, /"abortOn" is true; it must be 'disconnect', or left out/],
    ['a busyStatus', { busyStatus: 200 }, /"busyStatus" is 200; it must be an HTTP error status/],
    [
      'a busyStatus beside an onBusy that answers',
      { busyStatus: 409, onBusy: 'skip' },
      /"busyStatus" is 409; it must be left out where "onBusy" answers/,
    ],
    ['a string for the options', 'skip', /an object of options/],
  ])('given the invalid case of %s, then it throws LockOptionsError', (_, options, message) => {
    expect(decorate('a', options as object)).toThrow(LockOptionsError);
    expect(decorate('a', options as object)).toThrow(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['an empty string', '', /empty string/],
    ['an empty list', [], /the list is empty/],
    ['a list with an empty string', ['a', ''], /empty string/],
    ['undefined', undefined, /must be a string/],
    ['${…} in plain quotes', 'order:${id}', /in plain quotes/],
  ])('given a key that is %s, then it throws LockKeyError', (_, key, message) => {
    expect(decorate(key)).toThrow(LockKeyError);
    expect(decorate(key)).toThrow(message);
  });

  describe('a key with an argument that the method does not have', () => {
    const unseen = (key: string | string[]): string => key as string;

    it.each<[string, string | string[], RegExp]>([
      [
        'an index beyond two parameters',
        'a:{5}',
        /"a:\{5\}" of Service\.take names \{5\}, .* has 2 parameters, \{0\} to \{1\}\. .*from 0/,
      ],
      ['a path into a missing argument', 'a:{2.sku}', /names \{2\.sku\}, and the method has 2 parameters/],
      ['a missing argument in a list of keys', ['a:{0}', 'b:{3}'], /"b:\{3\}" of Service\.take names \{3\}/],
    ])('given %s, then it throws LockKeyError with the parameters that exist', (_, key, message) => {
      const define = () => {
        class Service {
          @Locked(unseen(key))
          async take(_sku: string, _n = 1): Promise<void> {}
        }
        return Service;
      };
      expect(define).toThrow(LockKeyError);
      expect(define).toThrow(message);
    });

    it('given one parameter or none, then the message says so', () => {
      const one = () => {
        class Service {
          @Locked(unseen('a:{1}'))
          async take(_sku: string): Promise<void> {}
        }
        return Service;
      };
      const none = () => {
        class Service {
          @Locked(unseen('a:{0}'))
          async take(): Promise<void> {}
        }
        return Service;
      };
      expect(one).toThrow(/has one parameter, \{0\}\./);
      expect(none).toThrow(/has no parameters\./);
    });

    it('given defaults, rest arguments or `arguments`, then the key is accepted', async () => {
      class Service {
        @Locked(unseen('a:{1}'))
        async preset(_sku: string, _n = 1): Promise<void> {}
        @Locked(unseen('a:{3}'))
        async rest(..._ids: number[]): Promise<void> {}
        @Locked(unseen('a:{2}'))
        async all(_sku?: string): Promise<number> {
          return arguments.length;
        }
      }
      const service = provideLocks(new Service());
      await service.preset('a', 2);
      await service.rest(0, 1, 2, 3);
      const all = service.all as (...args: unknown[]) => Promise<number>;
      expect(await all.call(service, 'a', 'b', 'c')).toBe(3);
    });
  });

  it('given a key function that returns no key, then the call fails and names the function', async () => {
    class Service {
      @Locked(((id: number) => Promise.resolve(`a:${id}`)) as unknown as (id: number) => string)
      async promised(_id: number): Promise<void> {}
      @Locked((() => undefined) as unknown as () => string)
      async nothing(): Promise<void> {}
    }
    const service = provideLocks(new Service());
    await expect(service.promised(1)).rejects.toThrow(
      /The key function of Service\.promised returned a promise/,
    );
    await expect(service.nothing()).rejects.toThrow(/The key function of Service\.nothing: .*undefined/);
  });

  describe('a place that is no method of an instance', () => {
    /** The compiler refuses it in each of these places. */
    const Anywhere = Locked('a') as unknown as ClassDecorator &
      MethodDecorator &
      PropertyDecorator &
      ParameterDecorator;
    const AS_METHOD = 'write it as a method, such as async name() { … }.';

    it.each<[string, () => unknown, string]>([
      [
        'a class',
        () => {
          @Anywhere
          class Stock {}
          return Stock;
        },
        '@Locked is for methods, and Stock is a class: put it on each method that is to run under the lock.',
      ],
      [
        'a getter',
        () => {
          class Stock {
            @Anywhere get take(): number {
              return 1;
            }
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a getter: ${AS_METHOD}`,
      ],
      [
        'a setter',
        () => {
          class Stock {
            @Anywhere set take(_n: number) {}
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a setter: ${AS_METHOD}`,
      ],
      [
        'a static getter',
        () => {
          class Stock {
            @Anywhere static get take(): number {
              return 1;
            }
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a getter: ${AS_METHOD}`,
      ],
      [
        'an arrow function in a property',
        () => {
          class Stock {
            @Anywhere take = async (): Promise<void> => {};
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.take is a property: ${AS_METHOD}`,
      ],
      [
        'a field',
        () => {
          class Stock {
            @Anywhere left = 1;
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.left is a property: ${AS_METHOD}`,
      ],
      [
        'a static field',
        () => {
          class Stock {
            @Anywhere static left = 1;
          }
          return Stock;
        },
        `@Locked is for methods, and Stock.left is a property: ${AS_METHOD}`,
      ],
      [
        'a static method',
        () => {
          class Stock {
            @Anywhere static async take(): Promise<void> {}
          }
          return Stock;
        },
        '@Locked cannot lock the static method Stock.take, as Nest injects into instances only: make it a method of an instance.',
      ],
      [
        'a parameter',
        () => {
          class Stock {
            async take(@Anywhere _sku: string): Promise<void> {}
          }
          return Stock;
        },
        '@Locked is for methods, and it stands on a parameter of Stock.take: put it on the method itself.',
      ],
      [
        'a parameter of a constructor',
        () => {
          class Stock {
            constructor(@Anywhere readonly sku: string) {}
          }
          return Stock;
        },
        '@Locked is for methods, and it stands on a parameter of Stock: put it on the method itself.',
      ],
      [
        'a class without a name',
        () => Reflect.decorate([Anywhere], class {}),
        '@Locked is for methods, and this is a class: put it on each method that is to run under the lock.',
      ],
      [
        'the standard decorators, which Nest does not use',
        () =>
          (Anywhere as (value: unknown, context: object) => void)(() => {}, { kind: 'method', name: 'take' }),
        '@Locked needs "experimentalDecorators" in tsconfig.json, as Nest itself does.',
      ],
    ])('given %s, then it throws LockWiringError that says what to do', (_, define, message) => {
      expect(define).toThrow(LockWiringError);
      expect(define).toThrow(new LockWiringError(message));
    });
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
