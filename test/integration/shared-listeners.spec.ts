/** Listeners on foreign objects: signals, clients, responses. Node warns if there are more than ten for one event. */
import { EventEmitter, getEventListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Cluster, Redis } from 'ioredis';
import { getLockServiceToken, isLockError, Locked, LockModule, type LockService } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { SharedListeners } from '../../lib/core/util/shared-listeners.js';
import { type HttpExchange, onResponseOver } from '../../lib/locked/lifetime/http-exchange.js';
import { HandlerScope, runInScope } from '../../lib/locked/handler-scope.js';
import { eventually } from '../support/eventually.js';
import { settle } from '../support/fake-clock.js';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.js';

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => (isLockError(error) ? error.code : error),
  );

describe('one AbortSignal for many waits', () => {
  const controller = new AbortController();
  class Stock {
    @Locked('k', { signal: controller.signal })
    async take(): Promise<void> {}
  }

  it('given fifty waits of every kind, then the signal has one listener, ends all, and has none afterwards', async () => {
    const locks = memoryLocks();
    const stock = provideLocks(new Stock(), locks);
    const { signal } = controller;
    const held = await locks.acquire('k');
    const waits: Array<Promise<unknown>> = [];
    for (let i = 0; i < 10; i += 1) {
      waits.push(
        locks.acquire('k', { signal }),
        locks.using('k', { signal }, () => undefined),
        locks.acquire(['k', `l${i}`], { signal }),
        stock.take(),
        // In a handler, the signal is one of several reasons that end the wait.
        runInScope(new HandlerScope({}, { getType: () => 'rpc' } as unknown as ExecutionContext), () =>
          stock.take(),
        ),
      );
    }
    const codes = waits.map(codeOf);
    await settle();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort();
    expect(new Set(await Promise.all(codes))).toEqual(new Set(['LOCK_ABORTED']));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await held.release();
  });

  it('given waits that end without the signal, then no listener is left', async () => {
    const locks = memoryLocks();
    const { signal } = new AbortController();
    const held = await locks.acquire('k');
    const busy = Array.from({ length: 20 }, () => codeOf(locks.acquire('k', { signal, wait: 5 })));
    expect(new Set(await Promise.all(busy))).toEqual(new Set(['LOCK_BUSY']));
    const granted = Array.from({ length: 20 }, () => locks.using('k', { signal }, () => undefined));
    await settle();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await held.release();
    await Promise.all(granted);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('one client for many modules', () => {
  const NAMES = Array.from({ length: 12 }, (_, i) => `module ${i}`);
  let server: RedisServer;
  let cluster: RedisCluster;

  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
  }, 60_000);
  afterAll(() => Promise.all([server?.stop(), cluster?.stop()]));

  const listeners = (client: Redis | Cluster): Record<string, number> =>
    Object.fromEntries(client.eventNames().map((name) => [String(name), client.listenerCount(name)]));

  it.each([
    ['Redis', () => server.client()],
    ['Cluster', () => cluster.client()],
  ] as const)(
    'given twelve modules on a %s, then each event has one listener more, and none afterwards',
    async (_, open) => {
      const client = open();
      // ioredis listens itself while it connects.
      await eventually(() => expect(client.status).toBe('ready'));
      const before = listeners(client);
      const most = client.getMaxListeners();
      const module = await Test.createTestingModule({
        imports: NAMES.map((name) =>
          LockModule.forRoot({ name, redis: client as Redis, prefix: `${name}:` }),
        ),
      }).compile();
      await module.init();
      for (const name of NAMES) {
        const locks: LockService = module.get(getLockServiceToken(name));
        const lock = await locks.acquire('k');
        expect(await codeOf(locks.acquire('k', { wait: 20 }))).toBe('LOCK_BUSY');
        await lock.release();
      }
      for (const [event, count] of Object.entries(listeners(client))) {
        expect([event, Math.max(0, count - (before[event] ?? 0) - 1)]).toEqual([event, 0]);
      }
      expect(client.getMaxListeners()).toBe(most);
      await module.close();
      expect(listeners(client)).toEqual(before);
      client.disconnect();
    },
  );

  it('given two modules of which one ends, then the other still hears of the connection', async () => {
    const client = server.client();
    const modules = await Promise.all(
      NAMES.slice(0, 2).map((name) =>
        Test.createTestingModule({ imports: [LockModule.forRoot({ name, redis: client })] }).compile(),
      ),
    );
    for (const module of modules) await module.init();
    await modules[0]?.close();
    const locks: LockService | undefined = modules[1]?.get(getLockServiceToken(NAMES[1] ?? ''));
    client.disconnect();
    await settle();
    expect(await codeOf(locks?.acquire('k', { wait: 0 }) ?? Promise.resolve())).toBe('LOCK_STORE');
    await client.connect();
    expect(await codeOf(locks?.using('k', () => undefined) ?? Promise.resolve())).toBeUndefined();
    await modules[1]?.close();
    client.disconnect();
  });
});

describe('one response for many locks', () => {
  it('given fifty locks, then the response and its socket have one listener each, and none afterwards', () => {
    const [response, socket] = [new EventEmitter(), new EventEmitter()];
    const exchange = { response, socket } as HttpExchange;
    let over = 0;
    const watch = (): (() => void) => onResponseOver(exchange, () => (over += 1));
    const stops = Array.from({ length: 50 }, watch);
    expect([response.listenerCount('close'), socket.listenerCount('close')]).toEqual([1, 1]);
    for (const stop of stops) stop();
    expect([response.listenerCount('close'), socket.listenerCount('close')]).toEqual([0, 0]);
    Array.from({ length: 50 }, watch);
    response.emit('close');
    expect(over).toBe(50);
  });
});

describe('the response of a call that waits for its lock', () => {
  class Stock {
    @Locked('k')
    async take(): Promise<string> {
      return 'taken';
    }
  }
  interface Call {
    readonly response: EventEmitter & { destroyed?: boolean };
    readonly scope: HandlerScope;
    take(): Promise<string>;
  }
  const callOf = (locks: LockService): Call => {
    const stock = provideLocks(new Stock(), locks);
    const response: Call['response'] = new EventEmitter();
    const context = { getType: () => 'http', getArgByIndex: (index: number) => [{}, response][index] };
    const method: object = Reflect.get(Stock.prototype, 'take');
    const [{ decoration }] = Reflect.getMetadata('__interceptors__', method) as [{ decoration: object }];
    const scope = new HandlerScope(decoration, context as unknown as ExecutionContext);
    return { response, scope, take: () => runInScope(scope, () => stock.take()) };
  };

  it('given a free lock, then nothing listens to the response', async () => {
    const { response, take } = callOf(memoryLocks());
    let most = 0;
    response.on('newListener', () => (most += 1));
    expect(await take()).toBe('taken');
    expect(most).toBe(0);
  });

  it('given a busy lock, then the response has one listener after a while, and none after the wait', async () => {
    const locks = memoryLocks();
    const held = await locks.acquire('k');
    const { response, take } = callOf(locks);
    const taken = take();
    expect(response.listenerCount('close')).toBe(0);
    await eventually(() => expect(response.listenerCount('close')).toBe(1));
    await held.release();
    expect(await taken).toBe('taken');
    expect(response.listenerCount('close')).toBe(0);
  });

  it.each<[string, (call: Call) => void]>([
    ['has closed before anything listened to it', ({ response }) => (response.destroyed = true)],
    ['belongs to a scope that ends', ({ scope }) => scope.end()],
  ])('given a busy lock and a response that %s, then the call leaves the queue', async (_, leave) => {
    const locks = memoryLocks();
    const held = await locks.acquire('k');
    const call = callOf(locks);
    const code = codeOf(call.take());
    leave(call);
    expect(await code).toBe('LOCK_ABORTED');
    expect(call.response.listenerCount('close')).toBe(0);
    await held.release();
    expect(await codeOf(locks.acquire('k', { wait: 0 }))).toBeUndefined();
  });

  it('given a busy lock and a response that closes later, then the call leaves the queue', async () => {
    const locks = memoryLocks();
    const held = await locks.acquire('k');
    const { response, take } = callOf(locks);
    const code = codeOf(take());
    await eventually(() => expect(response.listenerCount('close')).toBe(1));
    response.emit('close');
    expect(await code).toBe('LOCK_ABORTED');
    expect(response.listenerCount('close')).toBe(0);
    await held.release();
  });

  it('given a response that is over before the call, then the call does not wait', async () => {
    const locks = memoryLocks();
    const { response, take } = callOf(locks);
    response.destroyed = true;
    expect(await codeOf(take())).toBe('LOCK_ABORTED');
  });

  it('given a replaced method "using", then it gets an AbortSignal, which aborts when the client leaves', async () => {
    const locks = memoryLocks();
    const original = locks.using.bind(locks) as (...args: unknown[]) => Promise<unknown>;
    const signals: unknown[] = [];
    Object.assign(locks, {
      using: (key: string, options: { signal?: AbortSignal }, work: unknown) => {
        signals.push(options.signal);
        return original(key, options, work);
      },
    });
    const held = await locks.acquire('k');
    const { response, take } = callOf(locks);
    const code = codeOf(take());
    await eventually(() => expect(response.listenerCount('close')).toBe(1));
    response.emit('close');
    expect(await code).toBe('LOCK_ABORTED');
    expect(signals).toEqual([expect.any(AbortSignal)]);
    await held.release();
  });
});

describe('shared listeners', () => {
  const emitters = new SharedListeners<EventEmitter>((emitter, event, listener) => {
    emitter.on(event, listener);
    return () => void emitter.off(event, listener);
  });

  it('given a listener that fails or removes another, then the others are called all the same, in order', () => {
    const emitter = new EventEmitter();
    const told: string[] = [];
    const stops: Array<() => void> = [];
    stops.push(
      emitters.on(emitter, 'e', () => {
        told.push('first');
        stops[1]?.();
        throw new Error('of the first');
      }),
      emitters.on(emitter, 'e', () => told.push('second')),
      emitters.on(emitter, 'e', () => told.push('third')),
    );
    expect(() => emitter.emit('e')).toThrow('of the first');
    expect(told).toEqual(['first', 'third']);
    for (const stop of [...stops, ...stops]) stop();
    expect(emitter.listenerCount('e')).toBe(0);
    const again = emitters.on(emitter, 'e', () => told.push('again'));
    emitter.emit('e');
    again();
    expect([told.at(-1), emitter.listenerCount('e')]).toEqual(['again', 0]);
  });
});
