/** Microservices over TCP and over Redis: messages and events, each under its lock. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  Inject,
  Injectable,
  type INestMicroservice,
  Logger,
  ParseIntPipe,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import {
  ClientProxy,
  ClientProxyFactory,
  EventPattern,
  type MicroserviceOptions,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import type { Redis } from 'ioredis';
import { Locked, LockModule, LockService } from 'nestjs-locked';
import { firstValueFrom, lastValueFrom, Observable, toArray } from 'rxjs';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { Acquisitions } from './support/acquisitions.js';
import { LOST, spyOnLog, STORE_FAILED, takeAway, UNUSABLE, withoutMemory } from './support/failures.js';
import { freePort } from './support/free-port.js';

/** A guard that acquires a lock itself. */
@Injectable()
class Turnstile implements CanActivate {
  constructor(private readonly locks: LockService) {}

  async canActivate(): Promise<boolean> {
    return this.locks.using('order:9', { wait: 0 }, () => true);
  }
}

@Controller()
class Orders {
  readonly ran: string[] = [];
  step: Deferred = deferred();

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @MessagePattern('pay')
  @Locked('order:{data.id}', { wait: 0 })
  async pay(@Payload('id', ParseIntPipe) id: number): Promise<{ id: number; under: readonly string[] }> {
    return { id, under: this.locks.current().keys };
  }

  @Locked('order:{data.id}', { wait: 0 })
  @SetMetadata('own', 'kept')
  @MessagePattern({ cmd: 'ship' })
  async ship(data: { id: number }): Promise<string> {
    this.ran.push(`ship ${data.id}`);
    await this.step.promise;
    return 'shipped';
  }

  @MessagePattern('track')
  @Locked('order:{data}', { wait: 0 })
  track(id: number): Observable<string> {
    return new Observable((subscriber) => {
      subscriber.next(`${id} under ${this.locks.current().keys.join()}`);
      void this.step.promise.then(() => {
        subscriber.next('there');
        subscriber.complete();
      });
    });
  }

  /** Not decorated: it acquires its lock by the service. */
  @MessagePattern('by-service')
  async byService(data: { id: number }): Promise<string> {
    return this.locks.using(`order:${data.id}`, { wait: 0 }, () => 'done');
  }

  @MessagePattern('guarded')
  @UseGuards(Turnstile)
  async guarded(): Promise<string> {
    return 'in';
  }

  @Locked('order:{data.id}', { wait: 0 })
  @EventPattern('refunded')
  async refunded(@Payload() data: { id: number }): Promise<void> {
    this.ran.push(`refunded ${data.id}`);
  }

  @EventPattern('paid')
  @Locked('order:{data.id}', { onBusy: 'skip' })
  async paid(@Payload() data: { id: number; by: string }): Promise<void> {
    this.ran.push(`paid ${data.id} by ${data.by} under ${this.locks.current().keys.join()}`);
    await this.step.promise;
  }
}

let redis: RedisServer;
let watcher: Redis;
beforeAll(async () => {
  redis = await startRedis();
  watcher = redis.client();
});
afterAll(() => redis.stop());

describe('a microservice within a hybrid application', () => {
  const INTERNAL = { status: 'error', message: 'Internal server error' };
  const BUSY = { status: 'error', code: 'LOCK_BUSY' };

  it.each([
    ['inheritAppConfig, then a busy key of @Locked is LOCK_BUSY', true, true, 'pay', BUSY],
    ['inheritAppConfig, then a busy key of LockService is LOCK_BUSY', true, true, 'by-service', BUSY],
    // Without inheritAppConfig, Nest runs no interceptor of the application in its microservice.
    ['no inheritAppConfig, then a busy key of @Locked is LOCK_BUSY', false, true, 'pay', BUSY],
    [
      'no inheritAppConfig, then a busy key of LockService is an internal error',
      false,
      true,
      'by-service',
      INTERNAL,
    ],
    ['mapErrors: false, then a busy key is an internal error', true, false, 'pay', INTERNAL],
  ])('given %s', async (_name, inheritAppConfig, mapErrors, pattern, seen) => {
    const module = await Test.createTestingModule({
      imports: [LockModule.forRoot({ redis: redis.url, mapErrors })],
      controllers: [Orders],
    }).compile();
    const app = module.createNestApplication();
    const options = { transport: Transport.TCP, options: { port: await freePort() } } as const;
    app.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig });
    Logger.overrideLogger(false);
    await app.startAllMicroservices();
    const client = ClientProxyFactory.create(options);
    const held = await module.get(LockService).acquire('order:9');
    const answer = firstValueFrom(client.send(pattern, { id: 9 }));
    await expect(answer).rejects.toMatchObject(seen);
    await held.release();
    client.close();
    await app.close();
  });
});

describe.each<[name: string, options: () => Promise<MicroserviceOptions>]>([
  ['TCP', async () => ({ transport: Transport.TCP, options: { port: await freePort() } })],
  ['Redis', async () => ({ transport: Transport.REDIS, options: { host: '127.0.0.1', port: redis.port } })],
])('a microservice message over %s', (_name, optionsOf) => {
  let app: INestMicroservice;
  let client: ClientProxy;
  let orders: Orders;
  let locks: LockService;
  let acquired: Acquisitions;
  let refused: Acquisitions;

  beforeAll(async () => {
    const options = await optionsOf();
    const module = await Test.createTestingModule({
      imports: [LockModule.forRoot({ redis: redis.url })],
      controllers: [Orders],
    }).compile();
    app = module.createNestMicroservice(options);
    Logger.overrideLogger(false);
    await app.listen();
    [orders, locks] = [module.get(Orders), module.get(LockService)];
    client = ClientProxyFactory.create(options as Parameters<typeof ClientProxyFactory.create>[0]);
    await client.connect();
  });
  afterAll(async () => {
    await client?.close();
    await app?.close();
  });
  beforeEach(() => {
    acquired = new Acquisitions();
    refused = new Acquisitions('busy');
    orders.ran.length = 0;
    orders.step = deferred();
  });
  afterEach(() => {
    orders.step.resolve();
    acquired.end();
    refused.end();
  });

  const request = (pattern: unknown, data: unknown): Promise<unknown> =>
    firstValueFrom(client.send(pattern, data));

  it('given a payload, then the handler runs under its key after pipes, acquired once, and answers', async () => {
    expect(await request('pay', { id: '07' })).toEqual({ id: 7, under: ['order:7'] });
    expect(acquired.keys).toEqual(['order:7']);
  });

  it('given @Locked above the pattern, then the route is found, and metadata stays readable', async () => {
    expect(Reflect.getMetadata('own', Orders.prototype.ship)).toBe('kept');
    orders.step.resolve();
    expect(await request({ cmd: 'ship' }, { id: 5 })).toBe('shipped');
    expect(acquired.keys).toEqual(['order:5']);
  });

  it('given a running handler, then its key is busy, another key is free, and its answer comes after the release', async () => {
    const shipping = request({ cmd: 'ship' }, { id: 1 });
    await eventually(() => expect(orders.ran).toEqual(['ship 1']));
    await expect(request('pay', { id: 1 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    expect(await request('pay', { id: 2 })).toMatchObject({ id: 2 });
    orders.step.resolve();
    expect(await shipping).toBe('shipped');
    // The lock was released before the answer was sent.
    expect(await request('pay', { id: 1 })).toMatchObject({ id: 1 });
  });

  it('given an Observable, then the lock is held until it completes', async () => {
    const tracking = lastValueFrom(client.send('track', 3).pipe(toArray()));
    await eventually(() => expect(acquired.keys).toEqual(['order:3']));
    await expect(request('pay', { id: 3 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    orders.step.resolve();
    expect(await tracking).toEqual(['3 under order:3', 'there']);
    expect(await request('pay', { id: 3 })).toMatchObject({ id: 3 });
  });

  it.each(['pay', 'by-service', 'guarded'])(
    'given a busy key and pattern "%s", then the client sees code and message, and nothing else',
    async (pattern) => {
      const held = await locks.acquire('order:9', { ttl: '30s' });
      const error: unknown = await request(pattern, { id: 9 }).catch((thrown: unknown) => thrown);
      await held.release();
      expect(error).toEqual({
        status: 'error',
        code: 'LOCK_BUSY',
        message: 'The resource is in use. Try again in a moment.',
        retryAfter: expect.any(Number),
      });
    },
  );

  it.each(['pay', 'by-service'])(
    'given a failing Redis and pattern "%s", then the client sees code and message, and nothing else',
    async (pattern) => {
      const error: unknown = await withoutMemory(watcher, () =>
        request(pattern, { id: 9 }).catch((thrown: unknown) => thrown),
      );
      expect(error).toEqual(STORE_FAILED);
    },
  );

  it('given a lost lock, then the client sees code and message once the handler has settled', async () => {
    const shipping = request({ cmd: 'ship' }, { id: 10 }).catch((thrown: unknown) => thrown);
    await eventually(() => expect(orders.ran).toEqual(['ship 10']));
    await takeAway(watcher, 'order:10');
    orders.step.resolve();
    expect(await shipping).toEqual(LOST);
  });

  it('given an event that finds its key busy, then no handler runs, the sender hears nothing, and the next event runs', async () => {
    const held = await locks.acquire('order:11');
    await lastValueFrom(client.emit('refunded', { id: 11 }), { defaultValue: undefined });
    await eventually(() => expect(refused.keys).toEqual(['order:11']));
    await held.release();
    await lastValueFrom(client.emit('refunded', { id: 11 }), { defaultValue: undefined });
    await eventually(() => expect(orders.ran).toEqual(['refunded 11']));
  });

  it.each([{}, { id: '' }, { id: [1] }, { id: { toJSON: 'x' } }])(
    'given the unusable payload %j, then its sender is told the part of the key, and nothing is logged',
    async (data) => {
      const logged = spyOnLog();
      const error: unknown = await request({ cmd: 'ship' }, data).catch((thrown: unknown) => thrown);
      expect(error).toEqual({ status: 'error', code: 'LOCK_KEY', message: UNUSABLE('{data.id}') });
      await lastValueFrom(client.emit('paid', data), { defaultValue: undefined });
      await request('pay', { id: 1 });
      expect(orders.ran).toEqual([]);
      expect(logged()).toEqual([]);
    },
  );

  it("given onBusy: 'skip', then an event runs once under its lock, and a second one is skipped while it runs", async () => {
    await lastValueFrom(client.emit('paid', { id: 6, by: 'a' }), { defaultValue: undefined });
    await eventually(() => expect(orders.ran).toEqual(['paid 6 by a under order:6']));
    await lastValueFrom(client.emit('paid', { id: 6, by: 'b' }), { defaultValue: undefined });
    await lastValueFrom(client.emit('paid', { id: 8, by: 'c' }), { defaultValue: undefined });
    await eventually(() => expect(orders.ran).toHaveLength(2));
    orders.step.resolve();
    expect(orders.ran).toEqual(['paid 6 by a under order:6', 'paid 8 by c under order:8']);
    expect(acquired.keys).toEqual(['order:6', 'order:8']);
  });
});
