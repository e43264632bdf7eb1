/** WebSocket gateways over ws and socket.io: messages, each under its lock, and clients that leave. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type INestApplication,
  type INestApplicationContext,
  Inject,
  Logger,
  ParseIntPipe,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import type { Redis } from 'ioredis';
import { LockErrorInterceptor, Locked, LockModule, LockService } from 'nestjs-locked';
import { Observable } from 'rxjs';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { Acquisitions } from './support/acquisitions.js';
import { LOST, spyOnLog, STORE_FAILED, takeAway, UNUSABLE, withoutMemory } from './support/failures.js';
import { NEST_MAJOR } from '../support/nest-major.js';

type Keys = readonly string[];

/** Nest 11 does not run the module's interceptor in gateways: a handler without `@Locked` has to name it. */
const BeforeNest12 = (decorator: MethodDecorator): MethodDecorator =>
  NEST_MAJOR < 12 ? decorator : () => undefined;

@WebSocketGateway()
class Seats {
  readonly ran: string[] = [];
  step: Deferred = deferred();

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @SubscribeMessage('take')
  @Locked('seat:{data.id}', { wait: 0 })
  async take(@MessageBody('id', ParseIntPipe) id: number): Promise<WsResponse<Keys>> {
    this.ran.push(`take ${id}`);
    return { event: 'taken', data: this.locks.current().keys };
  }

  @Locked('seat:{data.id}', { wait: 0 })
  @SetMetadata('own', 'kept')
  @SubscribeMessage('hold')
  async hold(_client: unknown, data: { id: number }): Promise<WsResponse<Keys>> {
    this.ran.push(`hold ${data.id}`);
    await this.step.promise;
    return { event: 'held', data: this.locks.current().keys };
  }

  @SubscribeMessage('watch')
  @Locked('seat:{data.id}', { wait: 0 })
  watch(
    @ConnectedSocket() _client: unknown,
    @MessageBody() data: { id: number },
  ): Observable<WsResponse<string>> {
    return new Observable((subscriber) => {
      subscriber.next({ event: 'watched', data: `${data.id} under ${this.locks.current().keys.join()}` });
      void this.step.promise.then(() => {
        subscriber.next({ event: 'watched', data: 'end' });
        subscriber.complete();
      });
    });
  }

  /** Waits for its lock. */
  @SubscribeMessage('wait')
  @Locked('seat:{data.id}', { wait: '20s' })
  async wait(@MessageBody() data: { id: number }): Promise<void> {
    this.ran.push(`wait ${data.id}`);
  }

  /** Goes on until the test resolves its step, even after the client has left. */
  @SubscribeMessage('work')
  @Locked('seat:{data.id}', { wait: 0, abortOn: 'disconnect' })
  async work(@MessageBody() data: { id: number }): Promise<void> {
    const lock = this.locks.current();
    this.ran.push(`work ${data.id}`);
    lock.signal.addEventListener('abort', () => {
      const { code } = lock.signal.reason as { code?: string };
      this.ran.push(`${code}, ${lock.held ? 'held' : 'lost'}`);
    });
    await this.step.promise;
  }

  /** Not decorated: it acquires its lock by the service. */
  @SubscribeMessage('by-service')
  @BeforeNest12(UseInterceptors(LockErrorInterceptor))
  async byService(@MessageBody() data: { id: number }): Promise<WsResponse<string>> {
    const result = await this.locks.using(`seat:${data.id}`, { wait: 0 }, () => 'done');
    return { event: 'done', data: result };
  }
}

/** A gateway without any decorator or interceptor of this library. */
@WebSocketGateway()
class Bare {
  refused = 0;

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @SubscribeMessage('bare')
  async bare(@MessageBody() data: { id: number }): Promise<WsResponse<string>> {
    try {
      return { event: 'done', data: await this.locks.using(`seat:${data.id}`, { wait: 0 }, () => 'done') };
    } catch (error) {
      this.refused += 1;
      throw error;
    }
  }
}

interface Message {
  readonly event: string;
  readonly data: unknown;
}

/** A client of ws or socket.io, with the messages that it got. */
interface Client {
  readonly got: Message[];
  send(event: string, data: unknown): void;
  close(): void;
}

async function wsClient(url: string): Promise<Client> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const got: Message[] = [];
  socket.on('message', (text: Buffer) => got.push(JSON.parse(text.toString()) as Message));
  await once(socket, 'open');
  return {
    got,
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    close: () => socket.terminate(),
  };
}

async function ioClient(url: string): Promise<Client> {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
  const got: Message[] = [];
  socket.onAny((event: string, data: unknown) => got.push({ event, data }));
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  return { got, send: (event, data) => void socket.emit(event, data), close: () => void socket.disconnect() };
}

let redis: RedisServer;
let watcher: Redis;
beforeAll(async () => {
  redis = await startRedis();
  watcher = redis.client();
});
afterAll(() => redis.stop());

describe.each<
  [
    name: string,
    adapter: new (app: INestApplicationContext) => WsAdapter | IoAdapter,
    connect: (url: string) => Promise<Client>,
  ]
>([
  ['ws', WsAdapter, wsClient],
  ['socket.io', IoAdapter, ioClient],
])('a gateway message over %s', (kind, Adapter, connect) => {
  let app: INestApplication;
  let seats: Seats;
  let bare: Bare;
  let locks: LockService;
  let client: Client;
  let acquired: Acquisitions;

  beforeAll(async () => {
    const module = await Test.createTestingModule({
      imports: [LockModule.forRoot({ redis: redis.url })],
      providers: [Seats, Bare],
    }).compile();
    app = module.createNestApplication({ forceCloseConnections: true });
    app.useWebSocketAdapter(new Adapter(app));
    Logger.overrideLogger(false);
    await app.listen(0, '127.0.0.1');
    [seats, bare, locks] = [module.get(Seats), module.get(Bare), module.get(LockService)];
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    acquired = new Acquisitions();
    seats.ran.length = 0;
    seats.step = deferred();
    client = await connect(await app.getUrl());
  });
  afterEach(() => {
    seats.step.resolve();
    client.close();
    acquired.end();
  });

  const answer = (message: Message): Promise<void> => eventually(() => expect(client.got).toEqual([message]));
  const busy = expect.objectContaining({
    event: 'exception',
    data: expect.objectContaining({ code: 'LOCK_BUSY' }),
  });

  it('given a payload, then the handler runs under its key after pipes, acquired once, and answers', async () => {
    client.send('take', { id: '07' });
    await answer({ event: 'taken', data: ['seat:7'] });
    expect(acquired.keys).toEqual(['seat:7']);
  });

  it('given @Locked above the pattern, then the route is found, and metadata stays readable', async () => {
    expect(Reflect.getMetadata('own', Seats.prototype.hold)).toBe('kept');
    seats.step.resolve();
    client.send('hold', { id: 5 });
    await answer({ event: 'held', data: ['seat:5'] });
    expect(acquired.keys).toEqual(['seat:5']);
  });

  it('given a running handler, then its key is busy, another key is free, and its answer comes after the release', async () => {
    client.send('hold', { id: 1 });
    await eventually(() => expect(seats.ran).toEqual(['hold 1']));
    client.send('take', { id: 1 });
    await eventually(() => expect(client.got).toEqual([busy]));
    client.send('take', { id: 2 });
    await eventually(() => expect(client.got).toHaveLength(2));
    seats.step.resolve();
    await eventually(() => expect(client.got).toHaveLength(3));
    // The lock was released before the answer was sent.
    client.send('take', { id: 1 });
    await eventually(() => expect(client.got).toHaveLength(4));
    expect(client.got.slice(1).map(({ event }) => event)).toEqual(['taken', 'held', 'taken']);
    expect(seats.ran).toEqual(['hold 1', 'take 2', 'take 1']);
  });

  it('given an Observable, then the lock is held until it completes', async () => {
    client.send('watch', { id: 3 });
    await answer({ event: 'watched', data: '3 under seat:3' });
    client.send('take', { id: 3 });
    await eventually(() => expect(client.got[1]).toEqual(busy));
    seats.step.resolve();
    await eventually(() => expect(client.got[2]).toEqual({ event: 'watched', data: 'end' }));
    await eventually(async () =>
      expect(await locks.tryAcquire('seat:3').then((lock) => lock?.release())).toBe(true),
    );
    expect(acquired.keys).toEqual(['seat:3', 'seat:3']);
  });

  it.each(['take', 'by-service'])(
    'given a busy key and event "%s", then the client sees code and message, and nothing else',
    async (event) => {
      const held = await locks.acquire('seat:9', { ttl: '30s' });
      client.send(event, { id: 9 });
      await eventually(() => expect(client.got).toHaveLength(1));
      await held.release();
      expect(client.got).toEqual([
        {
          event: 'exception',
          data: {
            status: 'error',
            code: 'LOCK_BUSY',
            message: 'The resource is in use. Try again in a moment.',
            retryAfter: expect.any(Number),
          },
        },
      ]);
    },
  );

  it('given a failing Redis or a lost lock, then the client sees code and message, and nothing else', async () => {
    await withoutMemory(watcher, async () => {
      client.send('take', { id: 11 });
      await answer({ event: 'exception', data: STORE_FAILED });
    });
    client.send('hold', { id: 11 });
    await eventually(() => expect(seats.ran).toEqual(['hold 11']));
    await takeAway(watcher, 'seat:11');
    seats.step.resolve();
    await eventually(() => expect(client.got[1]).toEqual({ event: 'exception', data: LOST }));
  });

  it('given several errors, then each one is a message of its own', async () => {
    const held = await locks.acquire('seat:9', { ttl: '30s' });
    for (let i = 1; i <= 3; i += 1) {
      client.send('take', { id: 9 });
      await eventually(() => expect(client.got).toEqual(Array(i).fill(busy)));
    }
    await held.release();
    client.send('take', { id: 9 });
    await eventually(() => expect(client.got[3]).toEqual({ event: 'taken', data: ['seat:9'] }));
    expect(client.got).toHaveLength(4);
  });

  it('given a gateway without a decorator of this library, then its busy error is mapped from Nest 12 on', async () => {
    const held = await locks.acquire('seat:9', { ttl: '30s' });
    client.send('bare', { id: 9 });
    await eventually(() => expect(bare.refused).toBe(1));
    if (NEST_MAJOR >= 12) {
      await eventually(() => expect(client.got).toEqual([busy]));
    } else if (kind === 'socket.io') {
      await eventually(() => expect(client.got[0]?.data).toMatchObject({ message: 'Internal server error' }));
    }
    await held.release();
    client.send('take', { id: 9 });
    await eventually(() => expect(client.got.at(-1)).toEqual({ event: 'taken', data: ['seat:9'] }));
    // On Nest 11, a client of ws is sent nothing.
    expect(client.got).toHaveLength(NEST_MAJOR < 12 && kind === 'ws' ? 1 : 2);
  });

  it.each([{}, { id: '' }, { id: [1] }, { id: { toString: 'x' } }])(
    'given the unusable payload %j, then its sender is told the part of the key, and nothing is logged',
    async (data) => {
      const logged = spyOnLog();
      client.send('hold', data);
      await answer({
        event: 'exception',
        data: { status: 'error', code: 'LOCK_KEY', message: UNUSABLE('{data.id}') },
      });
      expect(seats.ran).toEqual([]);
      expect(logged()).toEqual([]);
    },
  );

  it('given a call that waits for its lock, when its client leaves, then the handler never runs', async () => {
    // Held by another process.
    await watcher.set('lock:seat:6', 'theirs', 'PX', 60_000);
    const queue = queueOf(watcher, 'seat:6');
    client.send('wait', { id: 6 });
    await queue.holds(1);
    client.close();
    await queue.holds(0);
    await watcher.del('lock:seat:6');
    // If the call still waited, it would get the lock before this acquisition.
    await (await locks.acquire('seat:6')).release();
    expect(seats.ran).toEqual([]);
  });

  it('given abortOn and a running handler, when its client leaves, then the signal aborts and the lock stays held', async () => {
    client.send('work', { id: 10 });
    await eventually(() => expect(seats.ran).toEqual(['work 10']));
    client.close();
    await eventually(() => expect(seats.ran).toEqual(['work 10', 'LOCK_ABORTED, held']));
    expect(await locks.tryAcquire('seat:10')).toBeNull();
    seats.step.resolve();
    await eventually(async () =>
      expect(await locks.tryAcquire('seat:10').then((lock) => lock?.release())).toBe(true),
    );
  });

  it('given an Observable, when the client leaves, then the lock is released', async () => {
    client.send('watch', { id: 4 });
    await answer({ event: 'watched', data: '4 under seat:4' });
    expect(await locks.tryAcquire('seat:4')).toBeNull();
    client.close();
    await eventually(async () =>
      expect(await locks.tryAcquire('seat:4').then((lock) => lock?.release())).toBe(true),
    );
  });
});
