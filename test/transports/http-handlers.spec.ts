/**
 * Locked HTTP handlers on Express and Fastify: one acquisition for each call, metadata, and `@Res()`.
 * Streamed responses are in test/integration/http-streams.spec.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  ParseIntPipe,
  Post,
  Res,
  SetMetadata,
  Sse,
  type MessageEvent,
  StreamableFile,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Locked, LockService } from 'nestjs-locked';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { from, Observable, of } from 'rxjs';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { Acquisitions } from './support/acquisitions.js';

/** The methods that the replies of Express and Fastify share. */
interface Reply {
  header(name: string, value: string): void;
  send(body: string): void;
}

@Controller('orders')
class Orders {
  step: Deferred = deferred();
  entered = 0;

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  #under(): string {
    this.entered += 1;
    return `under ${this.locks.current().keys.join()}`;
  }

  @Post(':id/promise')
  @HttpCode(202)
  @Header('x-own', 'kept')
  @Locked('order:{params.id}', { wait: 0 })
  async promise(@Param('id', ParseIntPipe) _id: number): Promise<string> {
    return this.#under();
  }

  @Locked('order:{params.id}', { wait: 0 })
  @SetMetadata('own', 'kept')
  @Get(':id/observable')
  observable(@Param('id', ParseIntPipe) _id: number): Observable<string> {
    return of(this.#under());
  }

  @Sse(':id/events')
  @Locked('order:{params.id}', { wait: 0 })
  events(@Param('id', ParseIntPipe) _id: number): Observable<MessageEvent> {
    return of({ data: this.#under() });
  }

  @Get(':id/file')
  @Locked('order:{params.id}', { wait: 0 })
  async file(@Param('id', ParseIntPipe) _id: number): Promise<StreamableFile> {
    return new StreamableFile(Buffer.from(this.#under()));
  }

  /** Sends its response itself, in the middle of its work. */
  @Get(':id/res')
  @Locked('order:{params.id}', { wait: 0 })
  async res(@Param('id', ParseIntPipe) _id: number, @Res() res: Reply): Promise<void> {
    res.send(this.#under());
    await this.step.promise;
  }

  @Get(':id/lost')
  @Locked('order:{params.id}', { wait: 0 })
  async lost(@Param('id', ParseIntPipe) _id: number): Promise<string> {
    this.#under();
    await this.step.promise;
    return 'as if nothing had happened';
  }

  @Get(':id/lost-observable')
  @Locked('order:{params.id}', { wait: 0 })
  lostObservable(@Param('id', ParseIntPipe) id: number): Observable<string> {
    return from(this.#later(id));
  }
  async #later(_id: number): Promise<string> {
    this.#under();
    await this.step.promise;
    return 'as if nothing had happened';
  }

  @Locked('order:{params.id}', { wait: 0 })
  @Get(':id/passthrough')
  async passthrough(
    @Param('id', ParseIntPipe) _id: number,
    @Res({ passthrough: true }) res: Reply,
  ): Promise<string> {
    res.header('x-own', 'kept');
    return this.#under();
  }
}

describe.each(PLATFORMS)('a locked HTTP handler on %s', (_platform, adapter) => {
  let http: HttpApp;
  let orders: Orders;
  let controls: LockControls;
  let acquired: Acquisitions;

  beforeAll(async () => {
    http = await startHttp(adapter, { imports: [LockTestingModule.forRoot()], controllers: [Orders] });
    [orders, controls] = [http.module.get(Orders), http.module.get(LockControls)];
  });
  afterAll(() => http.app.close());
  beforeEach(() => {
    acquired = new Acquisitions();
    orders.step = deferred();
    orders.entered = 0;
  });
  afterEach(async () => {
    orders.step.resolve();
    acquired.end();
    await controls.reset();
  });

  const call = (route: string): Promise<Response> =>
    route === 'promise' ? http.post('/orders/07/promise') : http.get(`/orders/07/${route}`);
  const ROUTES = ['promise', 'observable', 'events', 'file', 'res', 'passthrough'];

  it.each(ROUTES)(
    'given handler "%s", then it runs under the key of its parameter after pipes, acquired once',
    async (route) => {
      const response = await call(route);
      expect(await response.text()).toContain('under order:7');
      expect(response.status).toBe(route === 'promise' ? 202 : 200);
      if (route === 'promise' || route === 'passthrough') expect(response.headers.get('x-own')).toBe('kept');
      expect(acquired.keys).toEqual(['order:7']);
    },
  );

  it.each(ROUTES)(
    'given a busy key and handler "%s", then the reply is 423 with code and message, and nothing else',
    async (route) => {
      await controls.hold('order:7', 30_000);
      const response = await call(route);
      await expect(response.json()).resolves.toEqual({
        statusCode: 423,
        code: 'LOCK_BUSY',
        message: 'The resource is in use. Try again in a moment.',
      });
      expect([response.status, response.headers.get('retry-after')]).toEqual([423, '30']);
      expect(orders.entered).toBe(0);
    },
  );

  it.each(ROUTES)(
    'given a failing store and handler "%s", then the reply is 503 with code and message, and nothing else',
    async (route) => {
      controls.disconnect();
      const response = await call(route);
      expect(await response.json()).toEqual({
        statusCode: 503,
        code: 'LOCK_STORE',
        message: 'The service is unavailable for now. Try again in a moment.',
      });
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect(orders.entered).toBe(0);
    },
  );

  it.each(['lost', 'lost-observable'])(
    'given a lost lock and handler "%s", then the reply is 500 once the handler has settled',
    async (route) => {
      const pending = call(route);
      await eventually(() => expect(orders.entered).toBe(1));
      await controls.expire('order:7');
      orders.step.resolve();
      const response = await pending;
      expect(response.status).toBe(500);
      expect(await response.json()).toEqual({
        statusCode: 500,
        code: 'LOCK_LOST',
        message:
          'The request lost its claim to the resource while it ran. Check its outcome before you repeat it.',
      });
    },
  );

  it('given @Locked above other decorators, then guards and interceptors can read their metadata', () => {
    expect(http.module.get(Reflector).get('own', Orders.prototype.observable)).toBe('kept');
  });

  it('given a handler that answers by @Res(), then the lock is held until the handler ends, not until it answers', async () => {
    expect(await (await call('res')).text()).toBe('under order:7');
    expect((await call('promise')).status).toBe(423);
    orders.step.resolve();
    await eventually(async () => expect((await call('promise')).status).toBe(202));
  });
});
