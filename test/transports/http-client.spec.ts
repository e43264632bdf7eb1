/** A client that reads slowly or leaves, on Express and Fastify: `holdUntil: 'response'` and `abortOn: 'disconnect'`. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  HttpException,
  Injectable,
  Logger,
  type NestInterceptor,
  Param,
  Res,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { isLockError, type Lock, Locked } from 'nestjs-locked';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { Observable, of, retry, timeout } from 'rxjs';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { Acquisitions } from './support/acquisitions.js';
import { ClientHandlers, LONG, type Reply, UNTIL_GONE } from './support/client-handlers.js';
import { RawClient } from './support/raw-client.js';

const UNTIL_SENT = { wait: 0, holdUntil: 'response' } as const;

class Retrying implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(2));
  }
}

class Impatient implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(timeout({ first: 20, with: () => of('timed out') }));
  }
}

@Controller()
class Handlers extends ClientHandlers {
  @Get('sent/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async sent(@Param('id') _id: string): Promise<string> {
    this.enter();
    return LONG;
  }
  @Locked('k:{params.id}', UNTIL_SENT)
  @Get('failed/:id')
  async failed(@Param('id') _id: string): Promise<string> {
    this.enter();
    throw new HttpException(LONG, 418);
  }
  @Get('by-itself/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async byItself(@Param('id') _id: string, @Res() reply: Reply): Promise<void> {
    this.enter();
    reply.send(LONG);
  }
  @Get('file/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async file(@Param('id') _id: string): Promise<StreamableFile> {
    this.enter();
    return new StreamableFile(Buffer.from(LONG));
  }
  @Get('observable/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  observable(@Param('id') _id: string): Observable<string> {
    return new Observable((subscriber) => {
      this.enter();
      subscriber.next(LONG);
      subscriber.complete();
    });
  }
  @Get('promised/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async promised(@Param('id') _id: string): Promise<Observable<string>> {
    this.enter();
    return of(LONG);
  }
  @Get('flaky/:id')
  @UseInterceptors(Retrying)
  @Locked('k:{params.id}', UNTIL_SENT)
  async flaky(@Param('id') _id: string): Promise<string> {
    return this.failTwice();
  }
  /** `@Locked` stands above the interceptor. */
  @Locked('k:{params.id}', UNTIL_SENT)
  @Get('flaky-inside/:id')
  @UseInterceptors(Retrying)
  async flakyInside(@Param('id') _id: string): Promise<string> {
    return this.failTwice();
  }
  private async failTwice(): Promise<string> {
    this.enter();
    if (this.locks.length < 3) throw new Error('again');
    return LONG;
  }
  @Get('slow/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async slow(@Param('id') _id: string): Promise<string> {
    this.enter();
    await this.step.promise;
    return 'done';
  }
  @Get('outer/:id')
  async outer(@Param('id') id: string): Promise<string> {
    return `${await this.direct(id)} ${(await this.isFree(id)) ? 'free' : 'held'}`;
  }
  /** A handler that other code calls as well. */
  @Get('direct/:id')
  @Locked('k:{0}', UNTIL_SENT)
  async direct(@Param('id') _id: string): Promise<string> {
    this.enter();
    return 'done';
  }

  @Locked('k:{params.id}', { ...UNTIL_GONE, ...UNTIL_SENT })
  @Get('both/:id')
  async both(@Param('id') _id: string): Promise<string> {
    this.enter();
    await this.step.promise;
    return LONG;
  }
  @Get('unread/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async unread(@Param('id') _id: string): Promise<string> {
    this.enter();
    await this.step.promise;
    return 'done';
  }
  @Get('unaware/:id')
  @Locked('k:{params.id}', { wait: 0 })
  async unaware(@Param('id') _id: string): Promise<string> {
    this.enter();
    await this.step.promise;
    return 'done';
  }
  @Get('produced/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  produced(@Param('id') _id: string): Observable<string> {
    return new Observable((subscriber) => {
      this.enter();
      void this.step.promise.then(() => {
        subscriber.next('done');
        subscriber.complete();
      });
    });
  }
  @Get('impatient/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  @UseInterceptors(Impatient)
  async impatient(@Param('id') _id: string): Promise<string> {
    this.enter();
    await this.step.promise;
    return 'done';
  }
}

describe.each(PLATFORMS)('the client of an HTTP/1 handler on %s', (_platform, adapter) => {
  let http: HttpApp;
  let handlers: Handlers;
  let controls: LockControls;
  let id = 0;
  let acquired: Acquisitions;
  /** The server's socket of the latest connection. */
  let connection: Socket;

  beforeAll(async () => {
    http = await startHttp(adapter, { imports: [LockTestingModule.forRoot()], controllers: [Handlers] });
    [handlers, controls] = [http.module.get(Handlers), http.module.get(LockControls)];
    const server = http.app.getHttpServer() as Server;
    server.on('connection', (socket: Socket) => (connection = socket));
  });
  afterAll(() => http.app.close());
  beforeEach(() => {
    id += 1;
    handlers.reset();
    acquired = new Acquisitions();
  });
  afterEach(() => {
    handlers.step.resolve();
    handlers.body.destroy();
    acquired.end();
  });

  const request = (route: string): Promise<RawClient> => RawClient.get(http.url, `/${route}/${id}`);
  const isFree = (): Promise<boolean> => handlers.isFree(String(id));
  async function started(route: string): Promise<[RawClient, Lock]> {
    const client = await request(route);
    await eventually(() => expect(handlers.locks).toHaveLength(1));
    return [client, handlers.locks[0]];
  }

  describe("holdUntil: 'response'", () => {
    const ROUTES = ['sent', 'failed', 'by-itself', 'file', 'observable', 'promised'];

    it.each(ROUTES)(
      'given handler "%s", then the lock is held until the response has been sent',
      async (route) => {
        const client = await request(route);
        await client.begun();
        expect(await isFree()).toBe(false);
        const text = await client.rest();
        expect(text.length).toBeGreaterThan(LONG.length);
        expect(text.slice(0, 20)).toContain(route === 'failed' ? '418' : '200');
        await eventuallyTrue(isFree);
        expect(acquired.keys.slice(0, 1)).toEqual([`k:${id}`]);
        expect(handlers.locks.map((lock) => lock.signal.aborted)).toEqual([false]);
      },
    );

    it.each(ROUTES)(
      'given handler "%s", when its connection closes, then the lock is released',
      async (route) => {
        const client = await request(route);
        await client.begun();
        expect(await isFree()).toBe(false);
        client.vanish();
        await eventuallyTrue(isFree);
      },
    );

    it('given a client that leaves while the handler runs, then the lock is held until the call ends', async () => {
      const [client, lock] = await started('slow');
      const closed = once(connection, 'close');
      client.vanish();
      await closed;
      expect([await isFree(), lock.held, lock.signal.aborted]).toEqual([false, true, false]);
      handlers.step.resolve();
      await eventuallyTrue(isFree);
    });

    it('given a busy key, then the reply is 423, and no lock stays held', async () => {
      await controls.hold(`k:${id}`, 30_000);
      expect((await http.get(`/sent/${id}`)).status).toBe(423);
      await controls.release(`k:${id}`);
      expect(await isFree()).toBe(true);
    });

    it('given a lock that is lost while the handler runs, then the client gets LOCK_LOST', async () => {
      const response = http.get(`/slow/${id}`);
      await eventually(() => expect(handlers.locks).toHaveLength(1));
      await controls.expire(`k:${id}`);
      handlers.step.resolve();
      expect((await response).status).toBe(500);
      expect(await (await response).json()).toMatchObject({ code: 'LOCK_LOST' });
    });

    it.each(['flaky', 'flaky-inside'])(
      'given a retrying interceptor (%s), then each attempt is locked',
      async (route) => {
        const client = await request(route);
        await client.begun();
        expect([handlers.locks.length, await isFree()]).toEqual([3, false]);
        expect(await client.rest()).toContain('200 OK');
        await eventuallyTrue(isFree);
        expect(acquired.keys.slice(0, 3)).toEqual(Array(3).fill(`k:${id}`));
      },
    );

    it('given a call by other code, which has no response of its own, then the lock ends with the call', async () => {
      expect(await (await http.get(`/outer/${id}`)).text()).toBe('done free');
    });
  });

  describe("abortOn: 'disconnect'", () => {
    const GONE = {
      code: 'LOCK_ABORTED',
      key: '',
      cause: { message: expect.stringContaining('the client has gone') },
    };

    it.each(['running', 'both', 'unread'])(
      'given handler "%s", when its client leaves, then the signal aborts and the lock is held until the handler settles',
      async (route) => {
        const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
        const [client, lock] = await started(route);
        if (route !== 'unread') expect(lock.signal.aborted).toBe(false);
        const closed = once(connection, 'close');
        client.vanish();
        if (route !== 'unread') await eventuallyTrue(() => lock.signal.aborted);
        await closed;
        // A signal that is read only now is aborted already.
        expect(lock.signal.reason).toMatchObject({ ...GONE, key: `k:${id}` });
        expect(isLockError(lock.signal.reason, 'LOCK_ABORTED')).toBe(true);
        lock.assertHeld();
        expect([await isFree(), lock.held]).toEqual([false, true]);
        handlers.step.resolve();
        await eventuallyTrue(isFree);
        // The handler "running" throws the reason, which is not logged.
        expect(log).not.toHaveBeenCalled();
        log.mockRestore();
      },
    );

    it('given no abortOn, when the client leaves, then the handler runs to its end under its lock', async () => {
      const [client, lock] = await started('unaware');
      const closed = once(connection, 'close');
      client.vanish();
      await closed;
      expect([lock.signal.aborted, await isFree()]).toEqual([false, false]);
    });

    it('given a client that stays, then it gets its answer, and no signal aborts', async () => {
      const [client, lock] = await started('running');
      handlers.step.resolve();
      expect(await client.rest()).toContain('done');
      await eventuallyTrue(isFree);
      expect(lock.signal.aborted).toBe(false);
    });

    it('given a client that leaves with its whole answer, then the signal of the handler that works on does not abort', async () => {
      const [client, lock] = await started('answered');
      expect(await client.rest()).toContain('early');
      client.vanish();
      await eventuallyTrue(() => connection.closed);
      expect([lock.signal.aborted, await isFree()]).toEqual([false, false]);
      handlers.step.resolve();
      await eventuallyTrue(isFree);
    });

    it('given a streamed response, when its client leaves in the middle, then the signal aborts', async () => {
      const [client, lock] = await started('streamed');
      handlers.body.write('a');
      await client.begun();
      expect(lock.signal.aborted).toBe(false);
      client.vanish();
      await eventuallyTrue(() => lock.signal.aborted);
      await eventuallyTrue(isFree);
    });

    it('given a streamed response, when it comes to its end, then the signal does not abort', async () => {
      const [client, lock] = await started('streamed');
      handlers.body.end('all of it');
      expect(await client.rest()).toContain('all of it');
      await eventuallyTrue(isFree);
      expect(lock.signal.aborted).toBe(false);
    });

    it('given an Observable, when its client leaves, then the signal aborts; when it completes, then it does not', async () => {
      const [client, lock] = await started('produced');
      client.vanish();
      await eventuallyTrue(() => lock.signal.aborted);
      expect(lock.signal.reason).toMatchObject({ ...GONE, key: `k:${id}` });
      handlers.step.resolve();
      await eventuallyTrue(isFree);
      id += 1;
      handlers.locks = [];
      const [other, kept] = await started('produced');
      expect(await other.rest()).toContain('done');
      expect(kept.signal.aborted).toBe(false);
    });

    it("given an interceptor that answers before the handler does, then the handler's signal aborts", async () => {
      expect(await (await http.get(`/impatient/${id}`)).text()).toBe('timed out');
      const [lock] = handlers.locks;
      expect(lock.signal.reason).toMatchObject({ ...GONE, key: `k:${id}` });
      expect(await isFree()).toBe(false);
    });

    it('given an aborted signal, when the lock is lost, then "held" and assertHeld() tell of the loss', async () => {
      const [client, lock] = await started('unread');
      client.vanish();
      await eventuallyTrue(() => lock.signal.aborted);
      expect(lock.held).toBe(true);
      await controls.expire(`k:${id}`);
      expect(lock.held).toBe(false);
      expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
      // The signal keeps its first reason.
      expect(lock.signal.reason).toMatchObject({ code: 'LOCK_ABORTED' });
    });
  });
});

describe('an option without effect', () => {
  async function startWith(provider: new () => object): Promise<void> {
    const module = await Test.createTestingModule({
      imports: [LockTestingModule.forRoot(), ScheduleModule.forRoot()],
      providers: [provider],
    }).compile();
    try {
      await module.init();
    } finally {
      await module.close();
    }
  }

  @Injectable()
  class Service {
    @Locked('a', { holdUntil: 'response' })
    async work(): Promise<void> {}
  }
  @Injectable()
  class Job {
    @Cron('0 0 1 1 *')
    @Locked('a', { abortOn: 'disconnect' })
    async run(): Promise<void> {}
  }
  class Base {
    @Locked('a', { holdUntil: 'response' })
    async work(): Promise<void> {}
  }
  @Injectable()
  class Inheriting extends Base {}
  @Injectable()
  class Overriding extends Base {
    override async work(): Promise<void> {}
  }

  it.each([
    [
      'a service',
      Service,
      "@Locked({ holdUntil: 'response' }) on Service.work: no HTTP or GraphQL request calls it",
    ],
    ['a job', Job, "@Locked({ abortOn: 'disconnect' }) on Job.run: no client calls it"],
    ['an inherited method', Inheriting, "@Locked({ holdUntil: 'response' }) on Base.work: no HTTP"],
  ])(
    'given %s that no client can call, then start-up fails with LOCK_OPTIONS',
    async (_name, provider, message) => {
      const error: unknown = await startWith(provider).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'LOCK_OPTIONS', message: expect.stringContaining(message) });
    },
  );

  it('given a locked method that a subclass overrides, then start-up succeeds', async () => {
    await startWith(Overriding);
  });
});
