/** GraphQL over HTTP and graphql-ws: queries, mutations, fields and subscriptions, each under its lock. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type INestApplication,
  Logger,
  ParseIntPipe,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import {
  Args,
  Field,
  GraphQLModule,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { Test } from '@nestjs/testing';
import { type Client, createClient } from 'graphql-ws';
import type { Redis } from 'ioredis';
import { type Lock, Locked, LockModule, LockService } from 'nestjs-locked';
import { WebSocket } from 'ws';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { Acquisitions } from './support/acquisitions.js';
import { LOST, spyOnLog, STORE_FAILED, takeAway, UNUSABLE, withoutMemory } from './support/failures.js';

@ObjectType()
class Order {
  @Field(() => Int)
  id!: number;
}

/** A guard that acquires a lock itself. */
@Injectable()
class Turnstile implements CanActivate {
  constructor(private readonly locks: LockService) {}

  async canActivate(_context: ExecutionContext): Promise<boolean> {
    return this.locks.using('turnstile', { wait: 0 }, () => true);
  }
}

@Resolver(() => Order)
class Orders {
  readonly ran: string[] = [];
  step: Deferred = deferred();
  sent = 0;

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Query(() => [String])
  @Locked('order:{gql.id}', { wait: 0 })
  async find(@Args('id', { type: () => String }, ParseIntPipe) id: number): Promise<string[]> {
    this.ran.push(`find ${id}`);
    return [...this.locks.current().keys];
  }

  @Locked('order:{gql.id}', { wait: 0 })
  @SetMetadata('own', 'kept')
  @Mutation(() => String)
  async pay(@Args('id', { type: () => Int }) id: number): Promise<string> {
    this.ran.push(`pay ${id}`);
    await this.step.promise;
    return 'paid';
  }

  @Query(() => String)
  @Locked('order:{gql.id}', { wait: 0 })
  async findByArguments(
    @Args('id', { type: () => String, nullable: true }) id?: string,
    @Args('of', { type: () => [Int], nullable: true }) _of?: number[],
  ): Promise<string> {
    this.ran.push(`find by arguments ${id}`);
    return 'found';
  }

  @Query(() => String)
  @Locked('order:{gql.orderId}', { wait: 0 })
  async misnamed(@Args('id', { type: () => String }) id: string): Promise<string> {
    this.ran.push(`misnamed ${id}`);
    return 'found';
  }

  @Query(() => String)
  @Locked('order:{gql.of}', { wait: 0 })
  async several(@Args('of', { type: () => [Int] }) of: number[]): Promise<string> {
    this.ran.push(`several ${of.join()}`);
    return 'found';
  }

  @Query(() => [Order])
  async orders(): Promise<Order[]> {
    return [{ id: 1 }, { id: 2 }];
  }

  @ResolveField(() => String)
  @Locked((order: Order) => `price:${order.id}`, { wait: 0 })
  async price(@Parent() order: Order): Promise<string> {
    return `${order.id} under ${this.locks.current().keys.join()}`;
  }

  @ResolveField(() => String, { nullable: true })
  async stock(@Parent() order: Order): Promise<string> {
    return this.locks.using(`stock:${order.id}`, { wait: 0 }, () => 'plenty');
  }

  @Query(() => String)
  async byService(@Args('id', { type: () => Int }) id: number): Promise<string> {
    return this.locks.using(`order:${id}`, { wait: 0 }, () => 'done');
  }

  @Query(() => String)
  @UseGuards(Turnstile)
  async guarded(): Promise<string> {
    return 'in';
  }

  @Subscription(() => String)
  @Locked('feed:{gql.id}', { wait: 0 })
  async *feed(@Args('id', { type: () => Int }) id: number): AsyncGenerator<{ feed: string }> {
    yield { feed: `${id} under ${this.locks.current().keys.join()}` };
    await this.step.promise;
    yield { feed: `end under ${this.locks.current().keys.join()}` };
  }

  @Mutation(() => String)
  @Locked('order:{gql.id}', { wait: 0, abortOn: 'disconnect', holdUntil: 'response' })
  async ship(@Args('id', { type: () => Int }) id: number): Promise<string> {
    this.ran.push(`ship ${id}`);
    this.#note(this.locks.current());
    await this.step.promise;
    return 'shipped';
  }

  /** Between its two events, only its signal can end its wait. */
  @Subscription(() => String)
  @Locked('watch:{gql.id}', { wait: 0, abortOn: 'disconnect' })
  async *watch(@Args('id', { type: () => Int }) id: number): AsyncGenerator<{ watch: string }> {
    const lock = this.locks.current();
    this.#note(lock);
    yield { watch: `${id}` };
    await Promise.race([this.step.promise, once(lock.signal, 'abort')]);
    yield { watch: 'end' };
  }

  #note(lock: Lock): void {
    lock.signal.addEventListener('abort', () => {
      const { code } = lock.signal.reason as { code?: string };
      this.ran.push(`${code}, ${lock.held ? 'held' : 'lost'}`);
    });
  }

  /** Returns an iterator that is not a generator, as a PubSub does. */
  @Subscription(() => Int)
  @Locked('ticks:{gql.id}', { wait: 0 })
  async ticks(
    @Args('id', { type: () => Int }) _id: number,
  ): Promise<AsyncIterableIterator<{ ticks: number }>> {
    let ticks = 0;
    let over = (): void => undefined;
    const end = new Promise<void>((resolve) => (over = resolve));
    const iterator: AsyncIterableIterator<{ ticks: number }> = {
      next: async () => {
        if (ticks > 0) await end;
        return ticks === 0 ? { done: false, value: { ticks: ++ticks } } : { done: true, value: undefined };
      },
      return: async () => {
        this.ran.push('returned');
        over();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}

interface AcquireReply {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: ReadonlyArray<Record<string, unknown>>;
}

describe.each<[string, Partial<ApolloDriverConfig>]>([
  ['as they are', {}],
  ['with interceptors on fields', { fieldResolverEnhancers: ['interceptors'] }],
])('GraphQL resolvers, %s', (_name, config) => {
  const everyField = config.fieldResolverEnhancers !== undefined;
  let redis: RedisServer;
  let watcher: Redis;
  let app: INestApplication;
  let url: string;
  let orders: Orders;
  let locks: LockService;
  let acquired: Acquisitions;
  let socket: Client;

  beforeAll(async () => {
    redis = await startRedis();
    watcher = redis.client();
    const module = await Test.createTestingModule({
      imports: [
        LockModule.forRoot({ redis: redis.url }),
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          autoSchemaFile: true,
          graphiql: false,
          subscriptions: { 'graphql-ws': true },
          // As in development: the server itself removes no stack from an error.
          includeStacktraceInErrorResponses: true,
          ...config,
        }),
      ],
      providers: [Orders, Turnstile],
    }).compile();
    app = module.createNestApplication({ forceCloseConnections: true });
    Logger.overrideLogger(false);
    await app.listen(0, '127.0.0.1');
    url = `${await app.getUrl()}/graphql`;
    [orders, locks] = [module.get(Orders), module.get(LockService)];
  });
  afterAll(async () => {
    await app?.close();
    await redis.stop();
  });
  beforeEach(() => {
    acquired = new Acquisitions();
    orders.ran.length = 0;
    orders.step = deferred();
    socket = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  });
  afterEach(async () => {
    orders.step.resolve();
    acquired.end();
    await socket.dispose();
  });

  async function request(query: string, signal?: AbortSignal): Promise<AcquireReply> {
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
      signal,
    });
    return (await reply.json()) as AcquireReply;
  }

  const isFree = async (key: string): Promise<boolean> => {
    const lock = await locks.tryAcquire(key);
    return (await lock?.release()) === true;
  };
  const message = 'The resource is in use. Try again in a moment.';
  const busy = expect.objectContaining({
    message,
    extensions: expect.objectContaining({ code: 'LOCK_BUSY' }),
  });

  it('given a query, then it runs under the key of its argument after pipes, acquired once', async () => {
    expect(await request('{ find(id: "07") }')).toEqual({ data: { find: ['order:7'] } });
    expect(acquired.keys).toEqual(['order:7']);
  });

  it('given @Locked above a mutation, then the field is found, metadata stays readable, and its key is exclusive', async () => {
    expect(Reflect.getMetadata('own', Orders.prototype.pay)).toBe('kept');
    const paying = request('mutation { pay(id: 1) }');
    await eventually(() => expect(orders.ran).toEqual(['pay 1']));
    expect((await request('{ find(id: "1") }')).errors).toEqual([busy]);
    expect(await request('{ find(id: "2") }')).toEqual({ data: { find: ['order:2'] } });
    orders.step.resolve();
    expect(await paying).toEqual({ data: { pay: 'paid' } });
    expect(await request('{ find(id: "1") }')).toEqual({ data: { find: ['order:1'] } });
    expect(acquired.keys).toEqual(['order:1', 'order:2', 'order:1']);
  });

  it('given a locked field of a list, then each parent acquires its own key once', async () => {
    const { data } = await request('{ orders { price } }');
    expect(data).toEqual({ orders: [{ price: '1 under price:1' }, { price: '2 under price:2' }] });
    expect([...acquired.keys].sort()).toEqual(['price:1', 'price:2']);
  });

  it.each([
    ['a query', '{ find(id: "9") }'],
    ['a mutation', 'mutation { pay(id: 9) }'],
    ['an undecorated query', '{ byService(id: 9) }'],
    ['a locked field', '{ orders { price } }'],
    ['what a guard throws', '{ guarded }'],
    ...(everyField ? [['an undecorated field', '{ orders { stock } }']] : []),
  ])(
    'given a busy key and %s, then the client sees code and message, and no stack, key or holder',
    async (_case, query) => {
      const held = await locks.acquire(['order:9', 'price:1', 'stock:1', 'turnstile'], { ttl: '30s' });
      const answer = await request(query);
      await held.release();
      expect(answer.errors).toEqual([busy]);
      expect(JSON.stringify(answer)).not.toMatch(
        /Internal|order:9|price:1|stock:1|turnstile|nl1|\bat |\.ts|\.js/,
      );
      expect(orders.ran).toEqual([]);
    },
  );

  it.each([
    ['missing', '{ findByArguments }', '{gql.id}'],
    ['null', '{ findByArguments(id: null) }', '{gql.id}'],
    ['empty', '{ findByArguments(id: "") }', '{gql.id}'],
    ['a list', '{ several(of: [1]) }', '{gql.of}'],
  ])(
    'given a key argument that is %s, then the client sees LOCK_KEY and its part, and nothing is logged',
    async (_case, query, part) => {
      const logged = spyOnLog();
      const { errors } = await request(query);
      expect(logged()).toEqual([]);
      expect(errors).toEqual([
        expect.objectContaining({
          message: UNUSABLE(part),
          extensions: expect.objectContaining({ code: 'LOCK_KEY' }),
        }),
      ]);
      expect(JSON.stringify(errors)).not.toMatch(/order:|\bat |\.ts|\.js/);
      expect(orders.ran).toEqual([]);
    },
  );

  it('given a key argument that the schema does not have, then the mistake is logged with the arguments that exist', async () => {
    const logged = spyOnLog();
    const { errors } = await request('{ misnamed(id: "1") }');
    const messages = logged().map((entry) => (entry instanceof Error ? entry.message : String(entry)));
    expect(messages[0]).toMatch(
      /"order:\{gql\.orderId\}" of Orders\.misnamed .* is undefined\. The arguments there are: id\./,
    );
    expect(errors).toEqual([expect.objectContaining({ message: 'The request could not be completed.' })]);
    expect(orders.ran).toEqual([]);
  });

  it('given a failing Redis or a lost lock, then the client sees code and message, and no stack, key or holder', async () => {
    const failed = await withoutMemory(watcher, () =>
      Promise.all([request('{ find(id: "10") }'), request('{ orders { price } }')]),
    );
    const { message: told, code } = STORE_FAILED;
    for (const { errors } of failed) {
      expect(errors).toEqual([
        expect.objectContaining({ message: told, extensions: expect.objectContaining({ code }) }),
      ]);
    }
    const paying = request('mutation { pay(id: 10) }');
    await eventually(() => expect(orders.ran).toEqual(['pay 10']));
    await takeAway(watcher, 'order:10');
    orders.step.resolve();
    const lost = await paying;
    expect(lost.errors).toEqual([
      expect.objectContaining({
        message: LOST.message,
        extensions: expect.objectContaining({ code: LOST.code }),
      }),
    ]);
    expect(JSON.stringify([failed, lost])).not.toMatch(/Internal|OOM|order:10|price:|nl1|\bat |\.ts|\.js/);
  });

  it('given a subscription by a generator, then the generator runs under the lock to its end', async () => {
    const feed = socket.iterate<{ feed: string }>({ query: 'subscription { feed(id: 3) }' });
    expect((await feed.next()).value).toEqual({ data: { feed: '3 under feed:3' } });
    expect(acquired.keys).toEqual(['feed:3']);
    expect(await locks.tryAcquire('feed:3')).toBeNull();
    orders.step.resolve();
    expect((await feed.next()).value).toEqual({ data: { feed: 'end under feed:3' } });
    expect((await feed.next()).done).toBe(true);
    await eventuallyTrue(() => isFree('feed:3'));
  });

  it('given a subscription by an iterator, then the lock is held until the client ends it', async () => {
    const ticks = socket.iterate<{ ticks: number }>({ query: 'subscription { ticks(id: 4) }' });
    expect((await ticks.next()).value).toEqual({ data: { ticks: 1 } });
    expect(await locks.tryAcquire('ticks:4')).toBeNull();
    await ticks.return?.();
    await eventuallyTrue(() => isFree('ticks:4'));
    expect(orders.ran).toEqual(['returned']);
  });

  it('given a subscription, when its client leaves, then the lock is released', async () => {
    const ticks = socket.iterate<{ ticks: number }>({ query: 'subscription { ticks(id: 5) }' });
    await ticks.next();
    socket.terminate();
    await ticks.next().catch(() => undefined);
    await eventuallyTrue(() => isFree('ticks:5'));
  });

  it('given abortOn on a subscription, when its client leaves, then the signal aborts and the stream stops', async () => {
    const watch = socket.iterate<{ watch: string }>({ query: 'subscription { watch(id: 7) }' });
    expect((await watch.next()).value).toEqual({ data: { watch: '7' } });
    expect(await locks.tryAcquire('watch:7')).toBeNull();
    const more = watch.next();
    socket.terminate();
    await more.catch(() => undefined);
    await eventuallyTrue(() => isFree('watch:7'));
    expect(orders.ran).toEqual(['LOCK_ABORTED, held']);
  });

  it('given abortOn on a subscription, when it comes to its end, then its signal does not abort', async () => {
    const watch = socket.iterate<{ watch: string }>({ query: 'subscription { watch(id: 8) }' });
    await watch.next();
    orders.step.resolve();
    expect((await watch.next()).value).toEqual({ data: { watch: 'end' } });
    expect((await watch.next()).done).toBe(true);
    await eventuallyTrue(() => isFree('watch:8'));
    expect(orders.ran).toEqual([]);
  });

  it('given abortOn on a running mutation, when its client leaves, then its signal aborts and the lock stays held', async () => {
    const client = new AbortController();
    const shipping = request('mutation { ship(id: 12) }', client.signal);
    await eventually(() => expect(orders.ran).toEqual(['ship 12']));
    client.abort();
    await expect(shipping).rejects.toThrow();
    await eventually(() => expect(orders.ran).toEqual(['ship 12', 'LOCK_ABORTED, held']));
    expect(await locks.tryAcquire('order:12')).toBeNull();
    orders.step.resolve();
    await eventuallyTrue(() => isFree('order:12'));
  });

  it('given holdUntil and fields of one request that share a key, then they run one after the other until the response', async () => {
    orders.step.resolve();
    const { data } = await request('mutation { a: ship(id: 13) b: ship(id: 13) c: ship(id: 14) }');
    expect(data).toEqual({ a: 'shipped', b: 'shipped', c: 'shipped' });
    expect(acquired.keys).toEqual(['order:13', 'order:13', 'order:14']);
    // A field without holdUntil may share the key as well.
    expect(await request('mutation { a: ship(id: 13) b: pay(id: 13) }')).toEqual({
      data: { a: 'shipped', b: 'paid' },
    });
    await eventuallyTrue(async () => (await isFree('order:13')) && (await isFree('order:14')));
  });

  it.each(['feed', 'ticks'])(
    'given a busy key, then the client of subscription %s sees code and message',
    async (field) => {
      const held = await locks.acquire(`${field}:6`);
      const stream = socket.iterate({ query: `subscription { ${field}(id: 6) }` });
      const { value } = (await stream.next()) as { value: AcquireReply };
      await held.release();
      expect(value.errors).toEqual([busy]);
      expect(JSON.stringify(value)).not.toMatch(/:6|nl1|\bat /);
    },
  );
});
