/** Keys that are checked when the application starts: keys that no call could make, and keys that are likely mistakes. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Logger,
  Module,
  Param,
  Post,
  SetMetadata,
  type Type,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { Locked, LockKeyError, LockModule, memoryStore } from 'nestjs-locked';

let app: INestApplication | undefined;
afterEach(async () => {
  jest.restoreAllMocks();
  await app?.close();
  app = undefined;
});

interface Parts {
  readonly controllers?: Type[];
  readonly providers?: Type[];
  readonly imports?: unknown[];
  readonly prefix?: string;
}

/** @returns the hints that were logged. */
async function start({ controllers = [], providers = [], imports = [], prefix }: Parts): Promise<string[]> {
  const hints: string[] = [];
  const module = await Test.createTestingModule({
    imports: [
      LockModule.forRoot({ store: memoryStore() }),
      LockModule.forRoot({ name: 'second', store: memoryStore() }),
      ...(imports as Type[]),
    ],
    controllers,
    providers,
  }).compile();
  app = module.createNestApplication();
  Logger.overrideLogger(false);
  if (prefix !== undefined) app.setGlobalPrefix(prefix);
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((hint: unknown) => void hints.push(String(hint)));
  await app.init();
  return hints;
}

async function refusal(parts: Parts): Promise<LockKeyError> {
  const error: unknown = await start(parts).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LockKeyError);
  return error as LockKeyError;
}

describe('a key that no call could make', () => {
  it('given a parameter that the route lacks, then the start fails and names those that it has', async () => {
    @Controller('shops/:shop/orders')
    class Orders {
      @Post(':id/pay')
      @Locked('order:{params.orderId}')
      async pay(@Param('id') _id: string): Promise<void> {}
    }
    const error = await refusal({ controllers: [Orders] });
    expect(error).toMatchObject({ key: 'order:{params.orderId}', fault: 'code' });
    expect(error.message).toBe(
      'The lock key "order:{params.orderId}" of Orders.pay can never be made: no route of the method has ' +
        '{params.orderId}. The parameters there are: shop, id.',
    );
  });

  it('given {params} as a whole, then the start fails and names the parameters', async () => {
    @Controller()
    class Orders {
      @Get(':id')
      @Locked('order:{params}')
      async pay(): Promise<void> {}
    }
    expect((await refusal({ controllers: [Orders] })).message).toMatch(/The parameters there are: id\./);
  });

  it('given a part that the transport lacks, then the start fails and names those that can be read', async () => {
    @Controller()
    class Orders {
      @MessagePattern('pay')
      @Locked('order:{params.id}')
      async pay(): Promise<void> {}
    }
    expect((await refusal({ controllers: [Orders] })).message).toMatch(
      /of Orders\.pay .* no \{params\.id\} in a request over rpc \(what can be read: data, user\)/,
    );
    @Controller()
    class Routes {
      @Locked('order:{data.id}')
      @Get()
      async pay(): Promise<void> {}
    }
    expect((await refusal({ controllers: [Routes] })).message).toMatch(
      /no \{data\.id\} in a request over http/,
    );
  });

  it('given a method that is no handler, then the start fails and suggests an argument', async () => {
    @Injectable()
    class Stock {
      @Locked(['all', 'stock:{params.sku}'])
      async take(_sku: string): Promise<void> {}
    }
    expect((await refusal({ providers: [Stock] })).message).toMatch(
      /of Stock\.take .* Nest did not call the method as a handler here\. Use an argument, such as \{0\}/,
    );
  });

  it('given an inherited handler, then each inheriting class is checked on its own', async () => {
    abstract class Crud {
      @Get(':id')
      @Locked('one:{params.id}:{params.shop}')
      async one(): Promise<void> {}
    }
    @Controller('shops/:shop')
    class Good extends Crud {}
    @Controller('orders')
    class Bad extends Crud {}
    @Controller('others')
    class Replaced extends Crud {
      override async one(): Promise<void> {}
    }
    expect(await start({ controllers: [Good, Replaced] })).toEqual([]);
    await app?.close();
    expect((await refusal({ controllers: [Bad] })).message).toMatch(/The parameters there are: id\./);
  });
});

describe('a key that can be made', () => {
  it.each(['{params.a}', '{params.b}', '{params.rest}', '{params.id}', '{params.tenant}'])(
    'given %s of any path or prefix of the route, then the application starts',
    async (placeholder) => {
      @Controller(['one/:a', 'two/:b'])
      class Orders {
        @Get([':id', 'files/*rest'])
        @Locked(`order:${placeholder}`)
        async pay(): Promise<void> {}
      }
      expect(await start({ controllers: [Orders], prefix: 'of/:tenant' })).toEqual([]);
    },
  );

  it('given a parameter from the path of RouterModule, then the application starts', async () => {
    @Controller()
    class Orders {
      @Get(':id')
      @Locked('order:{params.shop}:{params.id}')
      async pay(): Promise<void> {}
    }
    @Module({ controllers: [Orders] })
    class Shop {}
    const router = RouterModule.register([{ path: 'shops/:shop', module: Shop }]);
    expect(await start({ imports: [Shop, router] })).toEqual([]);
  });

  it('given several transports of which one has the part, then the application starts', async () => {
    @Controller()
    class Orders {
      @Get(':id')
      @MessagePattern('pay')
      @Locked('order:{data.id}')
      async byMessage(): Promise<void> {}
      @SetMetadata('graphql:resolve_property', true)
      @Locked('order:{gql.id}')
      async field(): Promise<void> {}
    }
    expect(await start({ controllers: [Orders] })).toEqual([]);
  });
});

describe('a key without a placeholder, on a method with parameters', () => {
  it.each([
    ['order:id', (id: number) => id],
    ['order:id', (orderId: number) => orderId],
    ['order:orderId', (x: number) => x],
    ['order:order_id:items', (x: number) => x],
    ['order:sku', (n: number, _sku: string) => n],
    ['order::id', (x: number) => x],
    ['order/:id', (x: number) => x],
    [':id', (x: number) => x],
    ['order:$id', (x: number) => x],
    ['order:<id>', (x: number) => x],
    ['order:%s', (x: number) => x],
    ['order:{{id}}', (id: number) => id],
  ])('given %s on %s, then one hint says how a placeholder is written', async (key, body) => {
    const hints = await start({ providers: [lockedBy(key, body)] });
    expect(hints).toHaveLength(1);
    expect(hints[0]).toMatch(/of Service\.run has no placeholder: all calls share one lock\./);
    expect(hints[0]).toMatch(
      /write \{[01]\} for that argument, or \{params\.\w+\} for a part of the request/,
    );
  });

  it.each([
    // Without a colon, the key says that one lock is intended.
    ['order-id', (id: number) => id],
    ['id', (id: number) => id],
    ['$id', (id: number) => id],
    ['order/<id>', (id: number) => id],
    ['report:hourly', (id: number) => id],
    ['report:paid', (x: number) => x],
    ['config:reload', (_event: object) => undefined],
    ['mysql:grid', (id: number) => id],
    ['{{order}}:items', (x: number) => x],
    ['order:{0}:id', (id: number) => id],
    // A method without parameters has nothing that the key could stand for.
    ['order:id', () => undefined],
  ])('given %s on %s, then there is no hint', async (key, body) => {
    expect(await start({ providers: [lockedBy(key, body)] })).toEqual([]);
  });

  it('given a hint, then it names the argument, and both ways to say that one lock is intended', async () => {
    const hints = await start({ providers: [lockedBy('order:id', (n: number, _id: string) => n)] });
    expect(hints).toEqual([
      'The lock key "order:id" of Service.run has no placeholder: all calls share one lock. If "id" stands for a value, ' +
        'write {1} for that argument, or {params.id} for a part of the request. If one lock is meant, use a key without a ' +
        'colon, or a function: @Locked(() => "order:id").',
    ]);
  });

  it('given a function that makes the key, then there is no hint', async () => {
    @Injectable()
    class Service {
      @Locked(() => 'order:id')
      async run(_id: number): Promise<void> {}
    }
    expect(await start({ providers: [Service] })).toEqual([]);
  });

  it('given several modules and subclasses, then there is one hint', async () => {
    const Service = lockedBy('order:id', (id: number) => id);
    @Injectable()
    class Sub extends Service {}
    @Module({ providers: [Service, Sub] })
    class Other {}
    expect(await start({ providers: [Service, Sub], imports: [Other] })).toHaveLength(1);
  });
});

/** A class with a locked method of the source of `body`, and so with its parameters. */
function lockedBy(key: string, body: (...args: never[]) => unknown): Type {
  class Service {
    run = undefined as unknown;
  }
  delete (Service.prototype as { run?: unknown }).run;
  const descriptor = { value: body, configurable: true, writable: true };
  Locked(key)(Service.prototype, 'run', descriptor as never);
  Object.defineProperty(Service.prototype, 'run', descriptor);
  Injectable()(Service);
  return Service;
}
