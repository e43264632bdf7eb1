/** LockModule in applications: forRoot(), forRootAsync() and several modules. */
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type DynamicModule,
  forwardRef,
  Get,
  Inject,
  Injectable,
  Logger,
  Module,
  type OnModuleInit,
  type Provider,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { ApplicationConfig, ModuleRef, NestFactory } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import {
  InjectLockService,
  Locked,
  LockModule,
  type LockModuleOptions,
  type LockOptionsFactory,
  LockService,
  type RedisLike,
  getLockServiceToken,
  getLockStoreToken,
  memoryStore,
} from 'nestjs-locked';
import type { LockStore } from 'nestjs-locked/store';
import { LockErrorInterceptor } from '../../lib/error-mapping/lock-error.interceptor.js';
import type { ResolvedModuleOptions } from '../../lib/module/resolve-module-options.js';
import { RESOLVED_OPTIONS } from '../../lib/module/lock-module.registry.js';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';

const cleanups: Array<() => unknown> = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  jest.restoreAllMocks();
});

/** An application without a server, closed after the test. */
async function start(...imports: Array<DynamicModule | Type>): Promise<TestingModule> {
  return init(await Test.createTestingModule({ imports }).compile());
}

async function init(module: TestingModule): Promise<TestingModule> {
  let closed = false;
  const close = module.close.bind(module);
  module.close = (signal) => {
    closed = true;
    return close(signal);
  };
  cleanups.push(() => closed || module.close());
  return module.init();
}

async function redis(): Promise<RedisServer> {
  const server = await startRedis();
  cleanups.push(() => server.stop());
  return server;
}

async function connectionsOf(server: RedisServer): Promise<number> {
  const info = await server.client().info('stats');
  return Number(/total_connections_received:(\d+)/.exec(info)?.[1]);
}

/** Holds the key "a" by the module, and tells whether Redis has the name `lock` meanwhile. */
async function locksIn(server: RedisServer, locks: LockService, lock = 'lock:a'): Promise<boolean> {
  const client = server.client();
  return locks.using('a', async () => (await client.exists(lock)) === 1);
}

/** A client of the application, closed after the test. Its errors are not printed. */
function quiet<C extends Redis | Redis5>(client: C): C {
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  return client;
}

function closable(): { store: LockStore; close: jest.Mock<() => Promise<void>> } {
  const close = jest.fn<() => Promise<void>>().mockResolvedValue(undefined);
  const inner = memoryStore();
  return { store: { open: (session, listener) => inner.open(session, listener), close }, close };
}

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
    expect(getLockServiceToken('billing')).toBe(Symbol.for('nestjs-locked.service:billing'));
    expect(getLockStoreToken('billing')).toBe(Symbol.for('nestjs-locked.store:billing'));
    expect(getLockStoreToken()).toBe(Symbol.for('nestjs-locked.store'));
    expect(getLockServiceToken()).toBe(LockService);
  });

  it('given two modules without a name, then the start fails before any connection is opened', async () => {
    const server = await redis();
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
    cleanups.push(() => real.close());
    await expect(real.get(LockService).using('a', async () => 'runs')).resolves.toBe('runs');
  });
});

@Controller()
class ByConstructor {
  constructor(readonly locks: LockService) {}
}

@Injectable()
class BySubclass extends ByConstructor {}

@Injectable()
class ByProperty {
  @Inject(LockService) readonly locks!: LockService;
}

@Injectable()
class ByDecorator {
  @Locked('k') async run(): Promise<void> {}
}

@Injectable()
class ByReference {
  constructor(@Inject(forwardRef(() => LockService)) readonly locks: unknown) {}
}

@Injectable()
class Guard implements CanActivate {
  constructor(readonly locks: LockService) {}

  canActivate(): boolean {
    return true;
  }
}

@Controller()
class Guarded {
  @Get() @UseGuards(Guard) get(): string {
    return 'passed';
  }
}

@Controller()
class Lookup {
  constructor(private readonly modules: ModuleRef) {}

  @Get() get(): Promise<string> {
    return this.modules.get(LockService, { strict: false }).using('k', { wait: 0 }, () => 'run');
  }
}

describe('the interceptor that maps errors', () => {
  const installed = (app: TestingModule) =>
    app
      .get(ApplicationConfig, { strict: false })
      .getGlobalInterceptors()
      .filter((each) => each instanceof LockErrorInterceptor).length;
  const module = (options: object) => LockModule.forRoot({ store: memoryStore(), ...options });

  const providing = (...providers: Provider[]): DynamicModule => ({ module: class Feature {}, providers });
  const user = providing({ provide: 'user', inject: [LockService], useFactory: () => 'one' });
  const userOf = (name: string) =>
    providing({ provide: 'user', inject: [getLockServiceToken(name)], useFactory: () => 'one' });

  it('given any number of modules, then it is installed once', async () => {
    expect(installed(await start(module({}), user))).toBe(1);
    const all = [module({ name: 'a' }), module({}), module({ name: 'b' })];
    expect(installed(await start(...all, userOf('b')))).toBe(1);
    expect(installed(await start(module({ name: 'a' }), module({ name: 'b' }), userOf('b')))).toBe(1);
  });

  it('given mapErrors: false, then it is not installed', async () => {
    expect(installed(await start(module({ mapErrors: false }), user))).toBe(0);
    expect(installed(await start(module({ mapErrors: false }), module({ name: 'a' }), user))).toBe(0);
  });

  it('given no class that injects a service, then no interceptor is installed', async () => {
    for (const imports of [[module({})], [module({ mapErrors: false }), user]]) {
      const config = (await start(...imports)).get(ApplicationConfig, { strict: false });
      expect(config.getGlobalInterceptors()).toEqual([]);
    }
  });

  it.each<[string, () => DynamicModule]>([
    ['a constructor', () => providing(ByConstructor)],
    ['a subclass', () => providing(BySubclass)],
    ['a property', () => providing(ByProperty)],
    ['@Locked', () => providing(ByDecorator)],
    ['a forward reference', () => providing(ByReference)],
    [
      'a factory with an optional dependency',
      () =>
        providing({ provide: 'x', inject: [{ token: LockService, optional: true }], useFactory: () => 'x' }),
    ],
    ['an alias', () => providing({ provide: 'locks', useExisting: LockService })],
    ['a controller', () => ({ module: class Feature {}, controllers: [ByConstructor] })],
    ['the guard of a handler', () => ({ module: class Feature {}, controllers: [Guarded] })],
  ])('given %s that injects the service, then it is installed', async (_way, making) => {
    expect(installed(await start(module({}), making()))).toBe(1);
  });

  it('given a service that is found by ModuleRef alone, then the filter maps the error', async () => {
    @Module({ imports: [module({})], controllers: [Lookup] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
    cleanups.push(() => app.close());
    await app.listen(0, '127.0.0.1');
    await using held = await app.get(LockService).acquire('k');
    const reply = await fetch(await app.getUrl());
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([423, expect.stringMatching(/^[1-9]/)]);
    expect(held.held).toBe(true);
  });

  it('given options on a module whose interceptor is not used, then the start fails unless they are equal', async () => {
    await expect(start(module({}), module({ name: 'a', http: { busyStatus: 409 } }))).rejects.toThrow(
      /"http.busyStatus" of the LockModule "a" would have no effect.*the unnamed LockModule/,
    );
    await expect(start(module({ name: 'a' }), module({ name: 'b', mapErrors: false }))).rejects.toThrow(
      /"mapErrors" of the LockModule "b".*the LockModule "a"/,
    );
    const http = { busyStatus: 409 };
    expect(installed(await start(module({ name: 'a', http }), module({ http }), user))).toBe(1);
    expect(installed(await start(module({ name: 'a' }), module({ http }), user))).toBe(1);
  });
});

describe('LockModule on Redis', () => {
  it.each([
    ['a URL', (server: RedisServer) => server.url],
    ['ioredis options', (server: RedisServer) => ({ host: '127.0.0.1', port: server.port })],
  ])('given %s, then locks are in Redis, and the module closes its own client', async (_title, option) => {
    const server = await redis();
    const app = await start(LockModule.forRoot({ redis: option(server) }));
    await expect(locksIn(server, app.get(LockService))).resolves.toBe(true);
    const list = () => server.client().call('CLIENT', 'LIST') as Promise<string>;
    expect(await list()).toContain('name=nestjs-locked ');
    await app.close();
    await eventually(async () => expect(await list()).not.toContain('nestjs-locked'));
  });

  it.each([
    ['ioredis 6', (options: { port: number; keyPrefix?: string }) => new Redis(options)],
    ['ioredis 5', (options: { port: number; keyPrefix?: string }) => new Redis5(options)],
  ])(
    "given the application's own Redis of %s, then locks are in it, and the module never closes it",
    async (_title, make) => {
      const server = await redis();
      const client = make({ port: server.port, keyPrefix: 'app:' });
      cleanups.push(() => client.disconnect());
      const app = await start(LockModule.forRoot({ redis: client, prefix: 'l:' }));
      await expect(locksIn(server, app.get(LockService), 'app:l:a')).resolves.toBe(true);
      await app.close();
      expect(client.status).toBe('ready');
      await expect(client.ping()).resolves.toBe('PONG');
    },
  );

  it("given the application's own Cluster of either version, then locks are in it", async () => {
    const cluster = await startRedisCluster();
    cleanups.push(() => cluster.stop());
    const five = new Cluster5([...cluster.startupNodes]);
    cleanups.push(() => five.disconnect());
    const six = cluster.client();
    for (const client of [six, five] as Array<RedisLike & { exists(key: string): Promise<number> }>) {
      const app = await start(LockModule.forRoot({ redis: client }));
      const seen = await app.get(LockService).using('a', () => client.exists('lock:a'));
      expect(seen).toBe(1);
      await app.close();
      expect(client.status).toBe('ready');
      await expect(client.exists('lock:a')).resolves.toBe(0);
    }
  });

  it('given a name, then the connection carries it', async () => {
    const server = await redis();
    await start(LockModule.forRoot({ name: 'the bills', redis: server.url }));
    await eventually(async () =>
      expect(await server.client().call('CLIENT', 'LIST')).toContain('name=nestjs-locked:the_bills '),
    );
  });

  it('given a test that overrides the store, then no connection is opened, and the override is not closed', async () => {
    const server = await redis();
    const before = await connectionsOf(server);
    const { store, close } = closable();
    const app = await init(
      await Test.createTestingModule({ imports: [LockModule.forRoot({ redis: server.url })] })
        .overrideProvider(getLockStoreToken())
        .useValue(store)
        .compile(),
    );
    await expect(app.get(LockService).using('a', async () => 'runs')).resolves.toBe('runs');
    await app.close();
    expect(await connectionsOf(server)).toBe(before + 1);
    expect(close).not.toHaveBeenCalled();
  });

  it('given a start that fails, then no connection was opened', async () => {
    const server = await redis();
    const before = await connectionsOf(server);
    @Injectable()
    class Failing implements OnModuleInit {
      onModuleInit() {
        throw new Error('a start that fails');
      }
    }
    const compiled = await Test.createTestingModule({
      imports: [LockModule.forRoot({ redis: server.url })],
      providers: [Failing],
    }).compile();
    await expect(compiled.init()).rejects.toThrow('a start that fails');
    expect(await connectionsOf(server)).toBe(before + 1);
  });

  it('given no Redis, then the application starts, locks fail, one warning says so, and locks recover', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    const server = await redis();
    const { url } = server;
    await server.stop();
    const began = performance.now();
    const app = await start(LockModule.forRoot({ redis: url, commandTimeout: '1s' }));
    expect(performance.now() - began).toBeLessThan(1_000);
    const locks = app.get(LockService);
    await expect(locks.acquire('a', { wait: '3s' })).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(warn.mock.calls.flat().filter((text) => /ECONNREFUSED/.test(String(text)))).toHaveLength(1);
    await server.restart();
    await eventually(() => locks.using('a', async () => undefined), { within: 10_000 });
    await eventually(() => expect(log.mock.calls.flat().join()).toContain('answers again'));
  });

  it.each([
    ['its own client', (url: string) => url],
    ["the application's client", (url: string) => quiet(new Redis(url))],
    ["the application's client of ioredis 5", (url: string) => quiet(new Redis5(url))],
  ])(
    'given a wrong password on %s, then the error names the cause, and the password is shown nowhere',
    async (_title, option) => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const server = await startRedis({ config: { requirepass: 'hunter2' } });
      cleanups.push(() => server.stop());
      const app = await start(LockModule.forRoot({ redis: option(server.url.replace('hunter2', 'wr0ng')) }));
      const failure: unknown = await app
        .get(LockService)
        .acquire('a')
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/WRONGPASS|NOAUTH/),
      });
      expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('wr0ng');
      expect(warn.mock.calls.flat().join()).not.toContain('wr0ng');
    },
  );

  it('given no Redis, then the application closes', async () => {
    const server = await redis();
    await server.stop();
    const app = await start(LockModule.forRoot({ redis: server.url }));
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});

describe('the shutdown of LockModule', () => {
  it('given a held lock, then new requests are refused, and the connection closes after its release', async () => {
    const server = await redis();
    const app = await start(LockModule.forRoot({ redis: server.url }));
    const locks = app.get(LockService);
    let finish!: () => void;
    const entered = new Promise<void>((resolve) => {
      void locks.using('a', () => {
        resolve();
        return new Promise<void>((end) => (finish = end));
      });
    });
    await entered;
    const waiting = locks.acquire('a').catch((error: unknown) => error);
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await expect(waiting).resolves.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await expect(locks.acquire('b')).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    const client = server.client();
    expect(await client.exists('lock:a')).toBe(1);
    expect(closed).toBe(false);
    finish();
    await closing;
    expect(await client.exists('lock:a')).toBe(0);
  });

  it("given the application's own store, then it stays open", async () => {
    const { store, close } = closable();
    const app = await start(LockModule.forRoot({ store }));
    await app.close();
    expect(close).not.toHaveBeenCalled();
  });

  it('given handlers that still run, then they keep their locks during the hooks of providers', async () => {
    const order: string[] = [];
    @Injectable()
    class Worker {
      constructor(@Inject(LockService) private readonly locks: LockService) {}
      async beforeApplicationShutdown() {
        order.push(
          await this.locks.acquire('late').then(
            () => 'locked',
            (error: { code: string }) => error.code,
          ),
        );
      }
    }
    @Module({ providers: [Worker] })
    class WorkerModule {}
    const app = await start(LockModule.forRoot({ store: memoryStore() }), WorkerModule);
    const lock = await app.get(LockService).acquire('a');
    const closing = app.close();
    await eventually(() => expect(order).toEqual(['LOCK_SHUTDOWN']));
    expect(lock.held).toBe(true);
    await lock.release();
    await closing;
  });
});
