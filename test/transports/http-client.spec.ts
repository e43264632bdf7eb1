/** The client of a handler, on Express and Fastify: `holdUntil: 'response'`, and `abortOn: 'disconnect'`. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  HttpException,
  Inject,
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
import { isLockError, type Lock, Locked, LockService } from 'nestjs-locked';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { Observable, of, retry, timeout } from 'rxjs';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { Acquisitions } from './support/acquisitions.js';
import { RawClient } from './support/raw-client.js';

/** What Express's and Fastify's have in common. */
interface Reply {
  send(body: string): void;
}

/** More than the buffers on the way take: it is sent when its client reads it. */
const LONG = 'x'.repeat(16 << 20);

const UNTIL_SENT = { wait: 0, holdUntil: 'response' } as const;
const UNTIL_GONE = { wait: 0, abortOn: 'disconnect' } as const;

class Retrying implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(2));
  }
}

class Impatient implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(timeout({ first: 20, with: () => of('gave up') }));
  }
}

@Controller()
class Handlers {
  step: Deferred = deferred();
  body = new PassThrough();
  entered = 0;
  /** The locks under which they ran. */
  locks: Lock[] = [];

  constructor(@Inject(LockService) private readonly service: LockService) {}

  #enter(): Lock {
    this.entered += 1;
    const lock = this.service.current();
    this.locks.push(lock);
    return lock;
  }

  @Get('sent/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async sent(@Param('id') _id: string): Promise<string> {
    this.#enter();
    return LONG;
  }
  @Locked('k:{params.id}', UNTIL_SENT)
  @Get('failed/:id')
  async failed(@Param('id') _id: string): Promise<string> {
    this.#enter();
    throw new HttpException(LONG, 418);
  }
  @Get('by-itself/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async byItself(@Param('id') _id: string, @Res() reply: Reply): Promise<void> {
    this.#enter();
    reply.send(LONG);
  }
  @Get('file/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async file(@Param('id') _id: string): Promise<StreamableFile> {
    this.#enter();
    return new StreamableFile(Buffer.from(LONG));
  }
  @Get('observable/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  observable(@Param('id') _id: string): Observable<string> {
    return new Observable((subscriber) => {
      this.#enter();
      subscriber.next(LONG);
      subscriber.complete();
    });
  }
  @Get('promised/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async promised(@Param('id') _id: string): Promise<Observable<string>> {
    this.#enter();
    return of(LONG);
  }
  @Get('flaky/:id')
  @UseInterceptors(Retrying)
  @Locked('k:{params.id}', UNTIL_SENT)
  async flaky(@Param('id') _id: string): Promise<string> {
    return this.failTwice();
  }
  /** The interceptor stands outside of the lock's own. */
  @Locked('k:{params.id}', UNTIL_SENT)
  @Get('flaky-inside/:id')
  @UseInterceptors(Retrying)
  async flakyInside(@Param('id') _id: string): Promise<string> {
    return this.failTwice();
  }
  private async failTwice(): Promise<string> {
    this.#enter();
    if (this.entered < 3) throw new Error('again');
    return LONG;
  }
  @Get('slow/:id')
  @Locked('k:{params.id}', UNTIL_SENT)
  async slow(@Param('id') _id: string): Promise<string> {
    this.#enter();
    await this.step.promise;
    return 'done';
  }
  @Get('outer/:id')
  async outer(@Param('id') id: string): Promise<string> {
    return `${await this.direct(id)} ${(await this.isFree(id)) ? 'free' : 'held'}`;
  }
  /** A handler as well, which other code calls. */
  @Get('direct/:id')
  @Locked('k:{0}', UNTIL_SENT)
  async direct(@Param('id') _id: string): Promise<string> {
    this.#enter();
    return 'done';
  }

  @Get('running/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async running(@Param('id') _id: string): Promise<string> {
    const { signal } = this.#enter();
    await this.step.promise;
    signal.throwIfAborted();
    return 'done';
  }
  @Locked('k:{params.id}', { ...UNTIL_GONE, ...UNTIL_SENT })
  @Get('both/:id')
  async both(@Param('id') _id: string): Promise<string> {
    this.#enter();
    await this.step.promise;
    return LONG;
  }
  @Get('unread/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async unread(@Param('id') _id: string): Promise<string> {
    this.#enter();
    await this.step.promise;
    return 'done';
  }
  @Get('unaware/:id')
  @Locked('k:{params.id}', { wait: 0 })
  async unaware(@Param('id') _id: string): Promise<string> {
    this.#enter();
    await this.step.promise;
    return 'done';
  }
  @Get('answered/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async answered(@Param('id') _id: string, @Res() reply: Reply): Promise<void> {
    this.#enter();
    reply.send('early');
    await this.step.promise;
  }
  @Get('streamed/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async streamed(@Param('id') _id: string): Promise<StreamableFile> {
    this.#enter();
    return new StreamableFile(this.body);
  }
  @Get('produced/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  produced(@Param('id') _id: string): Observable<string> {
    return new Observable((subscriber) => {
      this.#enter();
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
    this.#enter();
    await this.step.promise;
    return 'done';
  }

  async isFree(id: string): Promise<boolean> {
    const lock = await this.service.tryAcquire(`k:${id}`);
    return (await lock?.release()) === true;
  }
}

describe.each(PLATFORMS)('on %s', (_platform, adapter) => {
  let http: HttpApp;
  let handlers: Handlers;
  let controls: LockControls;
  let id = 0;
  let acquired: Acquisitions;
  /** The latest one, as the server has it. */
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
    Object.assign(handlers, { step: deferred(), body: new PassThrough(), entered: 0, locks: [] });
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
    await eventually(() => expect(handlers.entered).toBe(1));
    return [client, handlers.locks[0]];
  }

  describe("holdUntil: 'response'", () => {
    const ROUTES = ['sent', 'failed', 'by-itself', 'file', 'observable', 'promised'];

    it.each(ROUTES)('%s: the lock is kept until the response has been sent', async (route) => {
      const client = await request(route);
      await client.begun();
      expect(await isFree()).toBe(false);
      const text = await client.rest();
      expect(text.length).toBeGreaterThan(LONG.length);
      expect(text.slice(0, 20)).toContain(route === 'failed' ? '418' : '200');
      await eventuallyTrue(isFree);
      expect(acquired.keys.slice(0, 1)).toEqual([`k:${id}`]);
      expect(handlers.locks.map((lock) => lock.signal.aborted)).toEqual([false]);
    });

    it.each(ROUTES)('%s: or until its connection is closed', async (route) => {
      const client = await request(route);
      await client.begun();
      expect(await isFree()).toBe(false);
      client.vanish();
      await eventuallyTrue(isFree);
    });

    it('of a client that leaves while the handler runs, the lock is kept to the end of the call', async () => {
      const [client, lock] = await started('slow');
      const closed = once(connection, 'close');
      client.vanish();
      await closed;
      expect([await isFree(), lock.held, lock.signal.aborted]).toEqual([false, true, false]);
      handlers.step.resolve();
      await eventuallyTrue(isFree);
    });

    it('a busy lock is answered as ever, and kept by nobody', async () => {
      await controls.hold(`k:${id}`, 30_000);
      expect((await http.get(`/sent/${id}`)).status).toBe(423);
      await controls.release(`k:${id}`);
      expect(await isFree()).toBe(true);
    });

    it('a lock that was lost while the handler ran: its client is told', async () => {
      const response = http.get(`/slow/${id}`);
      await eventually(() => expect(handlers.entered).toBe(1));
      await controls.expire(`k:${id}`);
      handlers.step.resolve();
      expect((await response).status).toBe(500);
      expect(await (await response).json()).toMatchObject({ code: 'LOCK_LOST' });
    });

    it.each(['flaky', 'flaky-inside'])(
      'a retrying interceptor has each attempt locked (%s)',
      async (route) => {
        const client = await request(route);
        await client.begun();
        expect([handlers.entered, await isFree()]).toEqual([3, false]);
        expect(await client.rest()).toContain('200 OK');
        await eventuallyTrue(isFree);
        expect(acquired.keys.slice(0, 3)).toEqual(Array(3).fill(`k:${id}`));
      },
    );

    it('called by other code, there is no response of its own: it ends with the call', async () => {
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
      '%s: the signal aborts when the client leaves; the lock is held until the handler has settled',
      async (route) => {
        const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
        const [client, lock] = await started(route);
        if (route !== 'unread') expect(lock.signal.aborted).toBe(false);
        const closed = once(connection, 'close');
        client.vanish();
        if (route !== 'unread') await eventuallyTrue(() => lock.signal.aborted);
        await closed;
        // Whoever requests the signal afterwards finds it aborted.
        expect(lock.signal.reason).toMatchObject({ ...GONE, key: `k:${id}` });
        expect(isLockError(lock.signal.reason, 'LOCK_ABORTED')).toBe(true);
        lock.assertHeld();
        expect([await isFree(), lock.held]).toEqual([false, true]);
        handlers.step.resolve();
        await eventuallyTrue(isFree);
        // Thrown by the handler ("running"), the reason is worth no line in the log.
        expect(log).not.toHaveBeenCalled();
        log.mockRestore();
      },
    );

    it('without it, the handler runs to its end', async () => {
      const [client, lock] = await started('unaware');
      const closed = once(connection, 'close');
      client.vanish();
      await closed;
      expect([lock.signal.aborted, await isFree()]).toEqual([false, false]);
    });

    it('a client that stays gets its answer, and nothing is aborted', async () => {
      const [client, lock] = await started('running');
      handlers.step.resolve();
      expect(await client.rest()).toContain('done');
      await eventuallyTrue(isFree);
      expect(lock.signal.aborted).toBe(false);
    });

    it('a client that leaves with its answer has not left: a handler that answered by itself goes on', async () => {
      const [client, lock] = await started('answered');
      expect(await client.rest()).toContain('early');
      client.vanish();
      await eventuallyTrue(() => connection.closed);
      expect([lock.signal.aborted, await isFree()]).toEqual([false, false]);
      handlers.step.resolve();
      await eventuallyTrue(isFree);
    });

    it('what is being streamed is aborted too, when its client leaves in the middle', async () => {
      const [client, lock] = await started('streamed');
      handlers.body.write('a');
      await client.begun();
      expect(lock.signal.aborted).toBe(false);
      client.vanish();
      await eventuallyTrue(() => lock.signal.aborted);
      await eventuallyTrue(isFree);
    });

    it('and is not when it comes to its end', async () => {
      const [client, lock] = await started('streamed');
      handlers.body.end('all of it');
      expect(await client.rest()).toContain('all of it');
      await eventuallyTrue(isFree);
      expect(lock.signal.aborted).toBe(false);
    });

    it('an Observable, likewise', async () => {
      const [client, lock] = await started('produced');
      client.vanish();
      await eventuallyTrue(() => lock.signal.aborted);
      expect(lock.signal.reason).toMatchObject({ ...GONE, key: `k:${id}` });
      handlers.step.resolve();
      await eventuallyTrue(isFree);
      id += 1;
      Object.assign(handlers, { entered: 0, locks: [] });
      const [other, kept] = await started('produced');
      expect(await other.rest()).toContain('done');
      expect(kept.signal.aborted).toBe(false);
    });

    it('an interceptor that releases leaves as a client does', async () => {
      expect(await (await http.get(`/impatient/${id}`)).text()).toBe('gave up');
      const [lock] = handlers.locks;
      expect(lock.signal.reason).toMatchObject({ ...GONE, key: `k:${id}` });
      expect(await isFree()).toBe(false);
    });

    it('a loss is a loss all the same: "held" and the rejection tell of it', async () => {
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

describe('an option that could never do anything', () => {
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
  ])('of %s is an error at start-up', async (_name, provider, message) => {
    const error: unknown = await startWith(provider).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'LOCK_OPTIONS', message: expect.stringContaining(message) });
  });

  it('of a method that a subclass has put its own in the place of, is none', async () => {
    await startWith(Overriding);
  });
});
