/** `nestjs-locked/telemetry`: the spans of locks, in the trace of the request. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, type MiddlewareConsumer, Module, Param, Query } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { context, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { Locked, LockBusyError, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { type LockTelemetryOptions, LockTelemetryModule } from 'nestjs-locked/telemetry';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { deferred } from '../support/deferred.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type HttpApp, startHttp } from '../support/http-app.js';
import { endAfterTest, endAll, start, startServer } from '../support/module-apps.js';
import { startTelemetrySdk, type TelemetrySdk, traceCommands } from '../support/telemetry-sdk.js';

let sdk: TelemetrySdk;
beforeEach(() => void (sdk = startTelemetrySdk()));
afterEach(async () => {
  await endAll();
  await sdk.stop();
});

/** A tracer keeps the SDK that it was first used with. */
const tracer = (): Tracer => trace.getTracer('application');
let barrier = deferred();

@Controller()
class Orders {
  @Get('orders/:id/pay')
  @Locked('order:{params.id}')
  async pay(@Param('id') _id: string): Promise<string> {
    const charge = tracer().startSpan('charge card');
    charge.end();
    return 'paid';
  }

  @Get('orders/:id/hold')
  @Locked('order:{params.id}')
  async hold(@Param('id') _id: string): Promise<string> {
    await barrier.promise;
    return 'done';
  }

  @Get('jobs')
  @Locked('job', { onBusy: 'skip' })
  async skip(@Query('q') _q: string): Promise<string | undefined> {
    return 'ran';
  }
}

/** A server span for each request, as the instrumentation of HTTP makes it. */
@Module({})
class Requests {
  configure(consumer: MiddlewareConsumer): void {
    const middleware = (
      { method }: { method: string },
      response: { on(name: string, listener: () => void): void },
      next: () => void,
    ): void => {
      const span = tracer().startSpan(method, { kind: SpanKind.SERVER });
      response.on('finish', () => span.end());
      context.with(trace.setSpan(context.active(), span), next);
    };
    consumer.apply(middleware).forRoutes('{*all}');
  }
}

async function startApp({ ttl = 30_000 } = {}): Promise<HttpApp> {
  barrier = deferred();
  const server = await startServer();
  const client = traceCommands(server.client());
  const app = await startHttp(() => new ExpressAdapter(), {
    imports: [
      LockModule.forRoot({ redis: client, defaults: { ttl } }),
      LockTelemetryModule.forRoot(),
      Requests,
    ],
    controllers: [Orders],
  });
  endAfterTest(() => app.app.close());
  return app;
}

async function inMemory(options?: LockTelemetryOptions): Promise<LockService> {
  const app = await start(LockModule.forRoot({ store: memoryStore() }), LockTelemetryModule.forRoot(options));
  return app.get(LockService);
}

describe('the spans of locks', () => {
  it('given a request, then the acquisition with its command and the work are in the trace of the request', async () => {
    const app = await startApp();
    expect(await (await app.get('/orders/id-of-an-order/pay')).text()).toBe('paid');
    await eventually(() => expect(sdk.tree()).toContain('GET'));
    const tree = sdk.tree().filter((path) => path.startsWith('GET'));
    expect(tree).toEqual(
      expect.arrayContaining([
        'GET',
        'GET > lock acquire order:{params.id}',
        expect.stringMatching(/^GET > lock acquire order:\{params.id\} > EVAL(SHA)?$/),
        'GET > lock hold order:{params.id}',
        'GET > lock hold order:{params.id} > charge card',
      ]),
    );
    const acquire = sdk.span('lock acquire order:{params.id}');
    expect(acquire.kind).toBe(SpanKind.INTERNAL);
    expect(acquire.attributes).toEqual({
      'nestjs_locked.key.template': 'order:{params.id}',
      'nestjs_locked.lock.kind': 'exclusive',
      'code.function.name': 'Orders.pay',
      'nestjs_locked.outcome': 'acquired',
      'nestjs_locked.contended': false,
    });
    expect(sdk.span('lock hold order:{params.id}').attributes).toMatchObject({
      'nestjs_locked.fence': expect.any(Number),
    });
    expect(JSON.stringify(sdk.spans.map(({ attributes, name }) => [name, attributes]))).not.toContain(
      'id-of-an-order',
    );
  });

  it('given a request that waits, then its span is contended, and that of the holder is not', async () => {
    const app = await startApp();
    const first = app.get('/orders/1/hold');
    await eventuallyTrue(() => sdk.tree().includes('? > lock acquire order:{params.id}'));
    const waited = new Promise<void>((resolve) => {
      const listener = (): void => resolve();
      subscribe('nestjs-locked:wait', listener);
      endAfterTest(() => unsubscribe('nestjs-locked:wait', listener));
    });
    const second = app.get('/orders/1/pay');
    await waited;
    barrier.resolve();
    await Promise.all([first, second]);
    await eventuallyTrue(() => sdk.spans.filter(({ name }) => name === 'GET').length === 2);
    const waits = sdk.spans.filter(({ name }) => name === 'lock acquire order:{params.id}');
    expect(waits.map(({ attributes }) => attributes['nestjs_locked.contended'])).toEqual([false, true]);
  });

  it('given a busy key and a call that skips, then its span is no error', async () => {
    const app = await startApp();
    const locks = app.app.get(LockService);
    const held = await locks.acquire('job');
    expect(await (await app.get('/jobs')).text()).toBe('');
    await held.release();
    const span = sdk.spans.find(
      ({ name, attributes }) => name === 'lock acquire job' && attributes['code.function.name'],
    );
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
    expect(span?.attributes).toMatchObject({ 'nestjs_locked.outcome': 'busy' });
    expect(span?.attributes).not.toHaveProperty('error.type');
  });

  it('given a wait that ends in vain, then its span is an error without the key', async () => {
    const locks = await inMemory();
    const held = await locks.acquire('order:77');
    await expect(locks.acquire('order:77', { wait: 20 })).rejects.toThrow(LockBusyError);
    await held.release();
    const failed = sdk.spans.find(({ status }) => status.code === SpanStatusCode.ERROR);
    expect(failed).toMatchObject({
      name: 'lock acquire order:*',
      status: { code: SpanStatusCode.ERROR },
      events: [],
      attributes: { 'error.type': 'LOCK_BUSY', 'nestjs_locked.outcome': 'busy' },
    });
    expect(failed?.status.message).toBeUndefined();
  });

  it('given renewals of a lock of a request, then they have no parent', async () => {
    const app = await startApp({ ttl: 150 });
    const request = app.get('/orders/5/hold');
    const renewals = (): string[] => sdk.tree().filter((path) => path.endsWith('renewal'));
    await eventuallyTrue(() => renewals().length >= 3);
    barrier.resolve();
    await request;
    expect(new Set(renewals())).toEqual(new Set(['renewal']));
  });

  it('given a lock that is lost, then the span of the hold is an error', async () => {
    const app = await start(LockTestingModule.forRoot(), LockTelemetryModule.forRoot());
    const work = app.get(LockService).using('import', () => app.get(LockControls).expire('import'));
    await expect(work).rejects.toThrow(/lost/);
    expect(sdk.span('lock hold import')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'LOCK_LOST', 'nestjs_locked.loss.reason': 'not-owner' },
    });
  });

  it('given work that fails, then the span of the hold ends and is no error', async () => {
    const locks = await inMemory();
    await expect(
      locks.using('a', () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(sdk.span('lock hold a').status.code).toBe(SpanStatusCode.UNSET);
  });

  it('given a nested call that joins, then it has no spans of its own', async () => {
    const locks = await inMemory();
    await locks.using('a', () => locks.using('a', { reentry: 'join' }, () => undefined));
    expect(sdk.tree()).toEqual(['lock acquire a', 'lock hold a']);
  });

  it('given keys: true, then the spans have the keys', async () => {
    const locks = await inMemory({ keys: true });
    await locks.using(['b:2', 'a:1'], () => undefined);
    const names = ['lock acquire a:*, b:*', 'lock hold a:*, b:*'];
    expect(names.map((name) => sdk.span(name).attributes['nestjs_locked.keys'])).toEqual([
      ['a:1', 'b:2'],
      ['a:1', 'b:2'],
    ]);
  });

  it('given an inspected lock, then its holder has the place in the code and the trace', async () => {
    const locks = await inMemory();
    const span = tracer().startSpan('job');
    const held = await context.with(trace.setSpan(context.active(), span), () => locks.acquire('a'));
    const [holder] = (await locks.inspect('a'))?.holders ?? [];
    expect(holder.site).toMatch(/telemetry-spans\.spec/);
    expect(holder.trace).toBe(span.spanContext().traceId);
    await held.release();
  });

  it('given holdSpans: false, then the acquisition has a span alone', async () => {
    const locks = await inMemory({ holdSpans: false });
    await locks.using('a', () => undefined);
    expect(sdk.tree()).toEqual(['lock acquire a']);
  });

  it('given traces: false, then there is no span', async () => {
    const locks = await inMemory({ traces: false });
    await locks.using('a', () => undefined);
    expect(sdk.tree()).toEqual([]);
  });

  it('given a closed application, then locks make no spans any more', async () => {
    const app = await start(LockModule.forRoot({ store: memoryStore() }), LockTelemetryModule.forRoot());
    await app.close();
    const other = await start(LockModule.forRoot({ store: memoryStore() }));
    await other.get(LockService).using('a', () => undefined);
    expect(sdk.tree()).toEqual([]);
  });
});
