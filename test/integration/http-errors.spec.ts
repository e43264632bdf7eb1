/** Lock errors as HTTP clients see them, from handlers, services, guards and middleware, on Express and Fastify. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  type INestApplication,
  Inject,
  Injectable,
  Logger,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  NotFoundException,
  Param,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  type Lock,
  LockAbortedError,
  LockBusyError,
  LockDeadlockError,
  Locked,
  LockError,
  lockKey,
  LockKeyError,
  LockLostError,
  LockModule,
  type LockModuleOptions,
  LockQueueFullError,
  LockReentryError,
  LockService,
  LockShutdownError,
  LockStoreError,
  memoryStore,
} from 'nestjs-locked';
import { LockErrorInterceptor } from '../../lib/error-mapping/lock-error.interceptor.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';

const SECRET = 'secret-key';
const BUSY = 'The resource is in use. Try again in a moment.';

@Injectable()
class Stock {
  constructor(@Inject(LockService) readonly locks: LockService) {}
  @Locked((sku: string) => lockKey`stock:${sku}`, { wait: 0, busyStatus: 429 })
  async take(_sku: string): Promise<void> {}
}

class Guarded implements CanActivate {
  canActivate(): boolean {
    throw new LockBusyError(SECRET, 0);
  }
}

@Controller()
class Routes {
  next: Error = new Error();
  constructor(
    @Inject(LockService) readonly locks: LockService,
    @Inject(Stock) readonly stock: Stock,
  ) {}

  @Get('decorated/:id')
  @Locked('a:{params.id}', { wait: 0 })
  async decorated(@Param('id') _id: string): Promise<void> {}

  @Get('status/:id')
  @Locked('a:{params.id}', { wait: 0, busyStatus: 409 })
  async status(@Param('id') _id: string): Promise<void> {}

  @Get('undecorated/:id')
  async undecorated(@Param('id') id: string): Promise<void> {
    await this.locks.acquire(`a:${id}`, { wait: 0 });
  }
  @Get('service/:sku')
  async service(@Param('sku') sku: string): Promise<void> {
    await this.stock.take(sku);
  }
  @Get('throws')
  throws(): never {
    throw this.next;
  }
  @Get('guarded')
  @UseGuards(Guarded)
  guarded(): void {}
  @Get('behind-middleware')
  behindMiddleware(): void {}
}

@Module({})
class Middleware implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply(() => {
        throw new LockBusyError(SECRET, 0);
      })
      .forRoutes('behind-middleware');
  }
}

/** A filter as many applications have: every error that is no HttpException is a 500. */
@Catch()
class CatchAll implements ExceptionFilter {
  static caught: unknown[] = [];
  constructor(private readonly host: HttpAdapterHost) {}
  catch(exception: unknown, host: ArgumentsHost): void {
    CatchAll.caught.push(exception);
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const body = exception instanceof HttpException ? exception.getResponse() : { message: 'oops' };
    this.host.httpAdapter.reply(
      host.switchToHttp().getResponse(),
      { filtered: true, ...Object(body) },
      status,
    );
  }
}

const taken: Lock[] = [];
let http: HttpApp;

afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(taken.splice(0).map((lock) => lock.release()));
  await http.app.close();
});

describe.each(PLATFORMS)('the replies to lock errors on %s', (_platform, adapter) => {
  async function start(
    options: LockModuleOptions = {},
    configure?: (app: INestApplication) => void,
  ): Promise<void> {
    http = await startHttp(
      adapter,
      {
        imports: [LockModule.forRoot({ store: memoryStore(), ...options }), Middleware],
        controllers: [Routes],
        providers: [Stock],
      },
      configure,
    );
  }
  async function hold(key: string, ttl = 30_000): Promise<void> {
    taken.push(await http.module.get(LockService).acquire(key, { ttl, renew: false }));
  }
  /** The reply to an error that a handler throws. */
  async function thrown(error: Error): Promise<{ status: number; retryAfter: string | null; body: string }> {
    http.module.get(Routes).next = error;
    const response = await http.get('/throws');
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: await response.text(),
    };
  }

  describe('a busy lock', () => {
    it.each(['decorated', 'undecorated'])(
      'given a busy key in a handler that is %s, then the reply is 423 with Retry-After from the rest of the lease',
      async (route) => {
        await start();
        await hold(`a:${SECRET}`, 4_500);
        const response = await http.get(`/${route}/${SECRET}`);
        expect(response.status).toBe(423);
        expect(response.headers.get('retry-after')).toMatch(/^[45]$/);
        const body = await response.text();
        expect(JSON.parse(body)).toEqual({
          statusCode: 423,
          code: 'LOCK_BUSY',
          message: 'The resource is in use. Try again in a moment.',
        });
        expect(body).not.toContain(SECRET);
      },
    );

    it("given the module's busyStatus or the decorator's, then the reply has it wherever the error surfaces", async () => {
      await start({ http: { busyStatus: 503 } });
      await hold('a:1');
      await hold('stock:1');
      expect((await http.get('/decorated/1')).status).toBe(503);
      expect((await http.get('/undecorated/1')).status).toBe(503);
      expect((await http.get('/status/1')).status).toBe(409);
      expect((await http.get('/service/1')).status).toBe(429);
    });

    it.each([
      [undefined, '1'],
      [0, '1'],
      [1, '1'],
      [1_001, '2'],
      [Infinity, '1'],
    ])('given %p ms left of the lease, then Retry-After is %s', async (remaining, seconds) => {
      await start();
      expect(await thrown(new LockBusyError('a', 0, 'host:1', remaining))).toMatchObject({
        status: 423,
        retryAfter: seconds,
      });
    });
  });

  it.each<[string, LockError, number, boolean]>([
    ['a failing store', new LockStoreError('ECONNREFUSED redis://secret-key', new Error(SECRET)), 503, true],
    ['a shutdown', new LockShutdownError(SECRET), 503, true],
    ['a full queue', new LockQueueFullError(SECRET, 10), 503, true],
    ['an aborted wait', new LockAbortedError(SECRET, 1, new Error(SECRET)), 503, true],
    [
      'a deadlock',
      new LockDeadlockError(SECRET, [{ holds: [SECRET], wants: SECRET, site: SECRET }]),
      503,
      true,
    ],
    ['a lost lock', new LockLostError(SECRET, 'expired', 1_000), 500, false],
    ['a bad key', new LockKeyError(SECRET, SECRET), 500, false],
    [
      'a key that the client sent no value for',
      new LockKeyError(SECRET, SECRET, { fault: 'client', placeholder: '{query.id}' }),
      400,
      false,
    ],
    ['a re-entry', new LockReentryError(SECRET), 500, false],
  ])(
    'given %s, then the reply has a status, the code and a message, and reveals nothing else',
    async (_, error, status, retry) => {
      await start();
      const reply = await thrown(error);
      expect(reply.status).toBe(status);
      expect(reply.retryAfter).toBe(retry ? '1' : null);
      expect(JSON.parse(reply.body)).toEqual({
        statusCode: status,
        code: error.code,
        message: expect.any(String),
      });
      expect(reply.body).not.toContain(SECRET);
    },
  );

  it('given errors of the application, then they stay unchanged', async () => {
    await start();
    expect(await thrown(new NotFoundException('no such order'))).toMatchObject({
      status: 404,
      retryAfter: null,
    });
    expect(await thrown(new Error('own'))).toMatchObject({ status: 500 });
    const mapped = new HttpException({ code: 'LOCK_BUSY' }, 409, { cause: new LockBusyError('a', 0) });
    expect(await thrown(mapped)).toMatchObject({ status: 409, retryAfter: null });
  });

  it('given a filter that catches everything, then the status survives, and the filter finds the LockError as cause', async () => {
    CatchAll.caught = [];
    await start({}, (app) => app.useGlobalFilters(new CatchAll(app.get(HttpAdapterHost))));
    await hold('a:1');
    const response = await http.get('/decorated/1');
    expect(response.status).toBe(423);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toMatchObject({ filtered: true, code: 'LOCK_BUSY' });
    expect(CatchAll.caught).toMatchObject([{ cause: { code: 'LOCK_BUSY', key: 'a:1' } }]);
  });

  it('given a second mapping interceptor, then the error is mapped once', async () => {
    await start({}, (app) => app.useGlobalInterceptors(new LockErrorInterceptor({ busyStatus: 418 })));
    await hold('a:1');
    // The inner interceptor maps the error, and the outer one passes it on.
    const statuses = [(await http.get('/decorated/1')).status, (await http.get('/undecorated/1')).status];
    expect(new Set(statuses).size).toBe(1);
    expect([418, 423]).toContain(statuses[0]);
  });

  it('given a mistake of the application, then it is logged; given a busy key, then nothing is logged', async () => {
    await start();
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const error = new LockKeyError('order:{0}', 'The lock key "order:{0}" cannot be made');
    await thrown(error);
    expect(log).toHaveBeenCalledWith(error.message, error.stack);
    log.mockClear();
    await thrown(new LockBusyError('a', 0));
    expect(log).not.toHaveBeenCalled();
  });

  it.each(['/guarded', '/behind-middleware'])(
    'given an error before the interceptors at %s, then the reply is mapped all the same',
    async (path) => {
      await start();
      const response = await http.get(path);
      expect(response.status).toBe(423);
      expect(await response.json()).toEqual({ statusCode: 423, code: 'LOCK_BUSY', message: BUSY });
      expect(response.headers.get('retry-after')).toBe('1');
    },
  );

  it('given an error of a guard and a filter of the application, then that filter gets the raw error', async () => {
    CatchAll.caught = [];
    await start({}, (app) => app.useGlobalFilters(new CatchAll(app.get(HttpAdapterHost))));
    expect(await (await http.get('/guarded')).json()).toEqual({ filtered: true, message: 'oops' });
    expect(CatchAll.caught).toEqual([expect.any(LockBusyError)]);
  });

  it('given mapErrors: false, then lock errors are left to the application', async () => {
    await start({ mapErrors: false });
    await hold('a:1');
    const response = await http.get('/decorated/1');
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ statusCode: 500, message: 'Internal server error' });
    expect((await http.get('/guarded')).status).toBe(500);
  });
});
