/** Handlers with a response that goes on after their return (Observables, SSE, files, generators), and clients that leave. */
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
  Inject,
  type MessageEvent,
  type NestInterceptor,
  Param,
  Sse,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { type Lock, Locked, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { map, Observable, of, Subject, timeout } from 'rxjs';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { NEST_MAJOR } from '../support/nest-major.js';

/** The routes with a body that Nest streams. Before version 12, it streams files alone. */
const STREAMED = NEST_MAJOR < 12 ? ['file'] : ['file', 'web'];
const itFrom12 = (...test: Parameters<typeof it>): void => (NEST_MAJOR < 12 ? undefined : it(...test));

/** Replies with another value. The stream that the handler made is never sent. */
class Replacing implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    // The handler's value is a file.
    return next.handle().pipe(map(() => 'replaced'));
  }
}

/** Replies by itself if a handler takes too long. */
class Impatient implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(timeout({ first: 50, with: () => of('timed out') }));
  }
}

@Controller()
class Streams {
  subject = new Subject<MessageEvent>();
  body = new PassThrough();
  entered = 0;
  subscribed = 0;
  unsubscribed = 0;
  step: Deferred = deferred();
  /** The keys of the current lock of each producer. */
  seen: unknown[] = [];

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  private produce(): Observable<MessageEvent> {
    this.entered += 1;
    return new Observable((subscriber) => {
      this.subscribed += 1;
      this.seen.push(this.locks.tryCurrent()?.keys);
      const subscription = this.subject.subscribe(subscriber);
      return () => {
        this.unsubscribed += 1;
        subscription.unsubscribe();
      };
    });
  }

  @Get('observable/:id')
  @Locked('s:{params.id}')
  observable(@Param('id') _id: string): Observable<MessageEvent> {
    return this.produce();
  }
  @Get('promised/:id')
  @Locked('s:{params.id}')
  async promised(@Param('id') _id: string): Promise<Observable<MessageEvent>> {
    return this.produce();
  }
  @Sse('sse/:id')
  @Locked('s:{params.id}')
  sse(@Param('id') _id: string): Observable<MessageEvent> {
    return this.produce();
  }
  @Locked('s:{params.id}')
  @Sse('sse-promised/:id')
  async ssePromised(@Param('id') _id: string): Promise<Observable<MessageEvent>> {
    return this.produce();
  }

  @Get('file/:id')
  @Locked('s:{params.id}')
  async file(@Param('id') _id: string): Promise<StreamableFile> {
    this.entered += 1;
    return new StreamableFile(this.body);
  }
  @Get('buffer/:id')
  @Locked('s:{params.id}')
  async buffer(@Param('id') _id: string): Promise<StreamableFile> {
    return new StreamableFile(Buffer.from('abc'));
  }
  @Get('replaced/:id')
  @UseInterceptors(Replacing)
  @Locked('s:{params.id}')
  async replaced(@Param('id') _id: string): Promise<StreamableFile> {
    this.entered += 1;
    return new StreamableFile(this.body);
  }
  @Get('generator/:id')
  @Locked('s:{params.id}')
  async *generator(@Param('id') _id: string): AsyncGenerator<string> {
    this.entered += 1;
    this.seen.push(this.locks.tryCurrent()?.keys);
    yield 'a';
    await this.step.promise;
    this.seen.push(this.locks.tryCurrent()?.keys);
    yield 'b';
  }
  @Get('web/:id')
  @Locked('s:{params.id}')
  async web(@Param('id') _id: string): Promise<Response> {
    this.entered += 1;
    return new Response(PassThrough.from(this.body));
  }

  @Get('plain/:id')
  @Locked('s:{params.id}')
  async plain(@Param('id') _id: string): Promise<string> {
    this.entered += 1;
    return 'ran';
  }
  @Get('late/:id')
  @Locked('s:{params.id}')
  @UseInterceptors(Impatient)
  async late(@Param('id') _id: string): Promise<Observable<MessageEvent>> {
    this.entered += 1;
    await this.step.promise;
    return this.produce();
  }
  @Get('impatient/:id')
  @Locked('s:{params.id}')
  @UseInterceptors(Impatient)
  async impatient(@Param('id') _id: string): Promise<string> {
    this.entered += 1;
    return 'ran';
  }
}

describe.each(PLATFORMS)('streaming HTTP handlers on %s', (_platform, adapter) => {
  let http: HttpApp;
  let locks: LockService;
  let streams: Streams;
  let next = 0;
  let key: string;
  let path: (route: string) => string;
  /** The number of calls that wait for their lock or run under it. */
  let pending = 0;
  const taken: Lock[] = [];

  beforeAll(async () => {
    http = await startHttp(adapter, {
      imports: [LockModule.forRoot({ store: memoryStore() })],
      controllers: [Streams],
    });
    locks = http.module.get(LockService);
    streams = http.module.get(Streams);
    const using = locks.using.bind(locks) as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(locks, 'using').mockImplementation((...args: unknown[]) => {
      pending += 1;
      return using(...args).finally(() => (pending -= 1));
    });
  });
  beforeEach(() => {
    next += 1;
    key = `s:${next}`;
    path = (route) => `/${route}/${next}`;
    Object.assign(streams, { subject: new Subject(), body: new PassThrough(), step: deferred(), seen: [] });
    Object.assign(streams, { entered: 0, subscribed: 0, unsubscribed: 0 });
  });
  afterEach(async () => {
    streams.subject.complete();
    streams.body.destroy();
    streams.step.resolve();
    await Promise.all(taken.splice(0).map((lock) => lock.release()));
  });
  afterAll(() => http.app.close());

  async function isHeld(): Promise<boolean> {
    const lock = await locks.tryAcquire(key);
    await lock?.release();
    return lock === null;
  }
  const expectFree = (): Promise<void> =>
    eventually(async () => {
      expect(pending).toBe(0);
      expect(await isHeld()).toBe(false);
    });
  async function hold(): Promise<Lock> {
    const lock = await locks.acquire(key);
    taken.push(lock);
    return lock;
  }

  describe.each(['observable', 'promised'])('a handler that returns an Observable (%s)', (route) => {
    it('given values, then it produces them under the lock, and the lock is held until it completes', async () => {
      const response = http.get(path(route));
      await eventually(() => expect(streams.subscribed).toBe(1));
      streams.subject.next({ data: 'a' });
      expect(await isHeld()).toBe(true);
      streams.subject.next({ data: 'b' });
      streams.subject.complete();
      expect(await (await response).json()).toEqual({ data: 'b' });
      expect(streams.seen).toEqual([[key]]);
      expect(await isHeld()).toBe(false);
    });

    it('given an error, then the error passes through, and the lock is released', async () => {
      const response = http.get(path(route));
      await eventually(() => expect(streams.subscribed).toBe(1));
      streams.subject.error(Object.assign(new Error('own'), { statusCode: 418, status: 418, expose: true }));
      expect((await response).status).toBe(418);
      expect(await isHeld()).toBe(false);
    });

    it('given a client that leaves, then the lock is released', async () => {
      const client = new AbortController();
      const response = http.get(path(route), { signal: client.signal });
      await eventually(() => expect(streams.subscribed).toBe(1));
      client.abort();
      await expect(response).rejects.toThrow();
      await expectFree();
      expect(streams.unsubscribed).toBe(1);
    });

    it('given a client that left while the call waited, then the handler never runs', async () => {
      const held = await hold();
      const client = new AbortController();
      const response = http.get(path(route), { signal: client.signal });
      await eventually(() => expect(pending).toBe(1));
      client.abort();
      await expect(response).rejects.toThrow();
      await eventually(() => expect(pending).toBe(0));
      await held.release();
      await expectFree();
      expect(streams.entered).toBe(0);
    });
  });

  describe.each(['sse', 'sse-promised'])('an SSE handler (%s)', (route) => {
    it('given events, then the lock is held until their end', async () => {
      const response = await http.get(path(route));
      await eventually(() => expect(streams.subscribed).toBe(1));
      streams.subject.next({ data: 'a' });
      expect(await isHeld()).toBe(true);
      streams.subject.complete();
      expect(await response.text()).toContain('data: a');
      await expectFree();
      expect(streams.seen).toEqual([[key]]);
    });

    it('given a client that leaves, then the lock is released', async () => {
      const client = new AbortController();
      await http.get(path(route), { signal: client.signal });
      await eventually(() => expect(streams.subscribed).toBe(1));
      client.abort();
      await expectFree();
      expect(streams.unsubscribed).toBe(1);
    });

    it('given a client that left while the call waited, then the handler never runs', async () => {
      const held = await hold();
      const client = new AbortController();
      await http.get(path(route), { signal: client.signal });
      await eventually(() => expect(pending).toBe(1));
      client.abort();
      await eventually(() => expect(pending).toBe(0));
      await held.release();
      await expectFree();
      expect(streams.entered).toBe(0);
    });
  });

  describe('a streamed body', () => {
    it.each(STREAMED)(
      'given a body that is read to its end (%s), then the lock is held until then',
      async (route) => {
        const pending = http.get(path(route));
        streams.body.write('a');
        const response = await pending;
        const reader = response.body?.getReader();
        await reader?.read();
        expect(await isHeld()).toBe(true);
        streams.body.end('b');
        while ((await reader?.read())?.done === false);
        await expectFree();
      },
    );

    it.each(STREAMED)('given a client that leaves (%s), then the lock is released', async (route) => {
      const client = new AbortController();
      const pending = http.get(path(route), { signal: client.signal });
      streams.body.write('a');
      await pending;
      expect(await isHeld()).toBe(true);
      client.abort();
      await expectFree();
    });

    it('given a body that fails, then the lock is released', async () => {
      const pending = http.get(path('file'));
      streams.body.write('a');
      const response = await pending;
      streams.body.destroy(new Error('disk'));
      await expect(response.text()).rejects.toThrow();
      await expectFree();
    });

    it('given a HEAD request, or a body that an interceptor replaces, then the lock is released', async () => {
      streams.body.write('a');
      await http.get(path('file'), { method: 'HEAD' });
      await expectFree();
      expect(streams.entered).toBe(1);
      streams.body = new PassThrough();
      expect(await (await http.get(path('replaced'))).text()).toBe('replaced');
      await expectFree();
      expect(streams.entered).toBe(2);
    });

    it('given a body of a Buffer, then it is sent whole, and the lock is released', async () => {
      expect(await (await http.get(path('buffer'))).text()).toBe('abc');
      await expectFree();
    });

    itFrom12('given an async generator, then it runs under the lock to its end', async () => {
      const response = await http.get(path('generator'));
      expect(await isHeld()).toBe(true);
      streams.step.resolve();
      expect(await response.text()).toBe('ab');
      await expectFree();
      expect(streams.seen).toEqual([[key], [key]]);
    });

    itFrom12('given an async generator, when the client leaves, then the lock is released', async () => {
      const client = new AbortController();
      await http.get(path('generator'), { signal: client.signal });
      expect(await isHeld()).toBe(true);
      client.abort();
      await expectFree();
    });
  });

  describe('a handler that waits for its lock', () => {
    it('given clients that leave, then their calls are cancelled and never run', async () => {
      const held = await hold();
      const clients = Array.from({ length: 10 }, () => new AbortController());
      const responses = clients.map(({ signal }) => http.get(path('plain'), { signal }));
      await eventually(() => expect(pending).toBe(10));
      for (const client of clients) client.abort();
      await Promise.allSettled(responses);
      await eventually(() => expect(pending).toBe(0));
      await held.release();
      expect(await (await http.get(path('plain'))).text()).toBe('ran');
      expect(streams.entered).toBe(1);
    });

    it('given an interceptor that unsubscribes, then the call is cancelled and never runs', async () => {
      const held = await hold();
      expect(await (await http.get(path('impatient'))).text()).toBe('timed out');
      await eventually(() => expect(pending).toBe(0));
      await held.release();
      await expectFree();
      expect(streams.entered).toBe(0);
    });

    it('given an Observable that comes too late for any subscriber, then the lock is released', async () => {
      expect(await (await http.get(path('late'))).text()).toBe('timed out');
      expect(await isHeld()).toBe(true);
      streams.step.resolve();
      await expectFree();
      expect(streams.subscribed).toBe(0);
    });

    it('given a connection that is kept alive, then calls leave no listener on it', async () => {
      const server = http.app.getHttpServer() as Server;
      const connected = once(server, 'request');
      await http.get(path('plain'));
      const [{ socket }] = (await connected) as [{ socket: Socket }];
      const before = socket.listenerCount('close');
      for (let i = 0; i < 20; i += 1) await (await http.get(path('plain'))).text();
      expect(socket.listenerCount('close')).toBeLessThanOrEqual(before + 1);
    });
  });
});
