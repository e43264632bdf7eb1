/** GraphQL over HTTP and graphql-ws: queries, mutations, fields and subscriptions, each with its lock. */
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

/** A guard that needs a lock itself. */
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
  async lookUp(
    @Args('id', { type: () => String, nullable: true }) id?: string,
    @Args('of', { type: () => [Int], nullable: true }) _of?: number[],
  ): Promise<string> {
    this.ran.push(`look up ${id}`);
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

  /** Between two events of its own it hears of nothing but its signal. */
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

  /** As a PubSub's iterator: no generator. */
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
])('resolvers, %s', (_name, config) => {
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
          // As in development: what an error must not have is not cut off by the server.
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

  it('a query locks by the argument after its pipes, once', async () => {
    expect(await request('{ find(id: "07") }')).toEqual({ data: { find: ['order:7'] } });
    expect(acquired.keys).toEqual(['order:7']);
  });

  it('a mutation, @Locked above it: the field is found, and the metadata is there; it excludes its own key', async () => {
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

  it('a field locks once a parent', async () => {
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
  ])('%s: the client sees code and message, and no stack, key or holder', async (_case, query) => {
    const held = await locks.acquire(['order:9', 'price:1', 'stock:1', 'turnstile'], { ttl: '30s' });
    const answer = await request(query);
    await held.release();
    expect(answer.errors).toEqual([busy]);
    expect(JSON.stringify(answer)).not.toMatch(
      /Internal|order:9|price:1|stock:1|turnstile|nl1|\bat |\.ts|\.js/,
    );
    expect(orders.ran).toEqual([]);
  });

  it.each([
    ['missing', '{ lookUp }', '{gql.id}'],
    ['null', '{ lookUp(id: null) }', '{gql.id}'],
    ['empty', '{ lookUp(id: "") }', '{gql.id}'],
    ['a list', '{ several(of: [1]) }', '{gql.of}'],
  ])('an argument without a usable value, %s: 400, and nothing in the log', async (_case, query, part) => {
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
  });

  it('an argument that the schema does not have is a mistake of the code, and is logged with those it has', async () => {
    const logged = spyOnLog();
    const { errors } = await request('{ misnamed(id: "1") }');
    const lines = logged().map((line) => (line instanceof Error ? line.message : String(line)));
    expect(lines[0]).toMatch(
      /"order:\{gql\.orderId\}" of Orders\.misnamed .* is undefined\. The arguments there are: id\./,
    );
    expect(errors).toEqual([expect.objectContaining({ message: 'The request could not be completed.' })]);
    expect(orders.ran).toEqual([]);
  });

  it('a failing Redis, and a lost lock, likewise', async () => {
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

  it('a subscription by a generator keeps the lock to its end, and runs under it', async () => {
    const feed = socket.iterate<{ feed: string }>({ query: 'subscription { feed(id: 3) }' });
    expect((await feed.next()).value).toEqual({ data: { feed: '3 under feed:3' } });
    expect(acquired.keys).toEqual(['feed:3']);
    expect(await locks.tryAcquire('feed:3')).toBeNull();
    orders.step.resolve();
    expect((await feed.next()).value).toEqual({ data: { feed: 'end under feed:3' } });
    expect((await feed.next()).done).toBe(true);
    await eventuallyTrue(() => isFree('feed:3'));
  });

  it('a subscription by an iterator keeps the lock until its client has done with it', async () => {
    const ticks = socket.iterate<{ ticks: number }>({ query: 'subscription { ticks(id: 4) }' });
    expect((await ticks.next()).value).toEqual({ data: { ticks: 1 } });
    expect(await locks.tryAcquire('ticks:4')).toBeNull();
    await ticks.return?.();
    await eventuallyTrue(() => isFree('ticks:4'));
    expect(orders.ran).toEqual(['returned']);
  });

  it('a subscription gives its lock back when its client leaves', async () => {
    const ticks = socket.iterate<{ ticks: number }>({ query: 'subscription { ticks(id: 5) }' });
    await ticks.next();
    socket.terminate();
    await ticks.next().catch(() => undefined);
    await eventuallyTrue(() => isFree('ticks:5'));
  });

  it('abortOn: a subscription stops in the middle when its client leaves', async () => {
    const watch = socket.iterate<{ watch: string }>({ query: 'subscription { watch(id: 7) }' });
    expect((await watch.next()).value).toEqual({ data: { watch: '7' } });
    expect(await locks.tryAcquire('watch:7')).toBeNull();
    const more = watch.next();
    socket.terminate();
    await more.catch(() => undefined);
    await eventuallyTrue(() => isFree('watch:7'));
    expect(orders.ran).toEqual(['LOCK_ABORTED, held']);
  });

  it('abortOn: and is not aborted when it comes to its end', async () => {
    const watch = socket.iterate<{ watch: string }>({ query: 'subscription { watch(id: 8) }' });
    await watch.next();
    orders.step.resolve();
    expect((await watch.next()).value).toEqual({ data: { watch: 'end' } });
    expect((await watch.next()).done).toBe(true);
    await eventuallyTrue(() => isFree('watch:8'));
    expect(orders.ran).toEqual([]);
  });

  it('abortOn: the signal of a running mutation aborts when its client leaves', async () => {
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

  it('holdUntil: fields of one request that share a key take turns, and give it back with the response', async () => {
    orders.step.resolve();
    const { data } = await request('mutation { a: ship(id: 13) b: ship(id: 13) c: ship(id: 14) }');
    expect(data).toEqual({ a: 'shipped', b: 'shipped', c: 'shipped' });
    expect(acquired.keys).toEqual(['order:13', 'order:13', 'order:14']);
    // Also of a method that keeps nothing itself.
    expect(await request('mutation { a: ship(id: 13) b: pay(id: 13) }')).toEqual({
      data: { a: 'shipped', b: 'paid' },
    });
    await eventuallyTrue(async () => (await isFree('order:13')) && (await isFree('order:14')));
  });

  it.each(['feed', 'ticks'])('a busy %s: its client sees code and message', async (field) => {
    const held = await locks.acquire(`${field}:6`);
    const stream = socket.iterate({ query: `subscription { ${field}(id: 6) }` });
    const { value } = (await stream.next()) as { value: AcquireReply };
    await held.release();
    expect(value.errors).toEqual([busy]);
    expect(JSON.stringify(value)).not.toMatch(/:6|nl1|\bat /);
  });
});
