/** Values of HTTP requests that cannot be used in a key: whether client or code is at fault, the reply, and the log. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type ArgumentsHost,
  type CanActivate,
  Body,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Header,
  HttpException,
  Module,
  Param,
  type PipeTransform,
  Post,
  Query,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { Locked, lockKey, LockKeyError, LockModule, memoryStore } from 'nestjs-locked';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { spyOnLog, UNUSABLE } from '../transports/support/failures.js';

class Order {
  constructor(readonly id: unknown) {}
}
class ToOrder implements PipeTransform {
  transform(id: unknown): Order {
    return new Order(id);
  }
}
class ToNumber implements PipeTransform {
  transform(text: unknown): number {
    return Number(text);
  }
}
class ToList implements PipeTransform {
  transform(text: unknown): string[] {
    return String(text).split(',');
  }
}
/** As a validation that drops unknown properties. */
class Whitelist implements PipeTransform {
  transform(): object {
    return {};
  }
}
class NobodySignedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getRequest<{ user?: object }>().user = {};
    return true;
  }
}

/** The causes that a filter of the application gets. */
const seen: unknown[] = [];
@Catch(HttpException)
class Seeing implements ExceptionFilter {
  catch(error: HttpException, host: ArgumentsHost): void {
    seen.push(error.cause);
    const reply = host.switchToHttp().getResponse<{ status(code: number): { send(body: object): void } }>();
    reply.status(error.getStatus()).send(error.getResponse() as object);
  }
}

@Controller('orders')
class Orders {
  calls = 0;
  #ran(): string {
    this.calls += 1;
    return 'ran';
  }

  @Get('query')
  @Locked('q:{query.id}')
  async query(): Promise<string> {
    return this.#ran();
  }
  @Get('bound')
  @Locked('q:{query.id}')
  async bound(@Query('id') _id: string): Promise<string> {
    return this.#ran();
  }
  @Get('by-index')
  @Locked('q:{0}')
  async byIndex(@Query('id') _id: string): Promise<string> {
    return this.#ran();
  }
  @Get('number')
  @Locked('q:{query.id}')
  async number(@Query('id', ToNumber) _id: number): Promise<string> {
    return this.#ran();
  }
  @Get('header')
  @Header('x-any', 'any')
  @Locked('h:{headers.X-Id}')
  async header(): Promise<string> {
    return this.#ran();
  }
  @Post('body')
  @Locked('b:{body.id}')
  async body(): Promise<string> {
    return this.#ran();
  }
  @Post('bound-body')
  @Locked('b:{body.id}')
  async boundBody(@Body() _dto: object): Promise<string> {
    return this.#ran();
  }
  @Post('dto-by-index')
  @Locked('b:{0.of.id}')
  async dtoByIndex(@Body() _dto: object): Promise<string> {
    return this.#ran();
  }
  @Get(['optional', 'optional/:id'])
  @Locked('o:{params.id}')
  async optional(): Promise<string> {
    return this.#ran();
  }
  @Get('seen')
  @UseFilters(Seeing)
  @Locked('q:{query.id}')
  async seen(): Promise<string> {
    return this.#ran();
  }

  // Keys that are the code's fault.
  @Get('user')
  @UseGuards(NobodySignedIn)
  @Locked('u:{user.id}')
  async user(): Promise<string> {
    return this.#ran();
  }
  @Get('model/:id')
  @Locked('m:{params.id}')
  async model(@Param('id', ToOrder) _order: Order): Promise<string> {
    return this.#ran();
  }
  @Get('list')
  @Locked('l:{query.ids}')
  async list(@Query('ids', ToList) _ids: string[]): Promise<string> {
    return this.#ran();
  }
  @Post('dropped')
  @Locked('d:{body.id}')
  async dropped(@Body(Whitelist) _dto: object): Promise<string> {
    return this.#ran();
  }
  @Get('function')
  @Locked((id: string) => lockKey`f:${id}`)
  async function(@Query('id') _id: string): Promise<string> {
    return this.#ran();
  }
  /** Another module's path has a parameter of that name, so the mistake is not found when the application starts. */
  @Get('misnamed/:id')
  @Locked('p:{params.orderId}')
  async misnamed(@Param('id') _id: string): Promise<string> {
    return this.#ran();
  }
  @Get('misnamed-by-index/:id')
  @Locked('p:{0}')
  async misnamedByIndex(@Param('orderId') _id: string): Promise<string> {
    return this.#ran();
  }
}

@Module({})
class Admin {}

describe.each(PLATFORMS)('unusable key values of HTTP requests on %s', (platform, adapter) => {
  let http: HttpApp;
  let orders: Orders;

  beforeAll(async () => {
    http = await startHttp(adapter, {
      imports: [
        LockModule.forRoot({ store: memoryStore() }),
        Admin,
        RouterModule.register([{ path: 'of/:orderId', module: Admin }]),
      ],
      controllers: [Orders],
    });
    orders = http.module.get(Orders);
  });
  beforeEach(() => {
    jest.restoreAllMocks();
    orders.calls = 0;
    seen.length = 0;
  });
  afterAll(() => http.app.close());

  const post = (path: string, json: string): Promise<Response> =>
    fetch(`${http.url}/orders/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: json,
    });
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    http.get(`/orders/${path}`, { headers });

  /** Expects 400 with the name of the part and nothing else, an empty log, and a handler that did not run. */
  async function expectClientsFault(send: () => Promise<Response>, part: string): Promise<void> {
    const logged = spyOnLog();
    const response = await send();
    const told: unknown = await response.json();
    expect(logged()).toEqual([]);
    expect(told).toEqual({ statusCode: 400, code: 'LOCK_KEY', message: UNUSABLE(part) });
    expect(response.status).toBe(400);
    expect(orders.calls).toBe(0);
  }

  /** Expects 500 without details for the client, and one log line that says what is wrong and where. */
  async function expectCodesFault(send: () => Promise<Response>, says: RegExp): Promise<void> {
    const logged = spyOnLog();
    const response = await send();
    const told: unknown = await response.json();
    const messages = logged();
    expect(told).toEqual({
      statusCode: 500,
      code: 'LOCK_KEY',
      message: 'The request could not be completed.',
    });
    expect(messages).toEqual([expect.stringMatching(says)]);
    expect(orders.calls).toBe(0);
  }

  describe("the client's fault: 400, and nothing is logged", () => {
    it.each(['query', 'bound', 'by-index'])(
      'given a query parameter that is missing, empty or repeated (%s), then the client is told its name',
      async (route) => {
        for (const query of ['', '?id', '?id=', '?id=1&id=2', '?other=1']) {
          await expectClientsFault(() => get(`${route}${query}`), '{query.id}');
        }
        expect(await (await get(`${route}?id=1`)).text()).toBe('ran');
      },
    );

    it('given a query parameter that its pipe cannot convert to a number, then the client is told its name', async () => {
      await expectClientsFault(() => get('number?id=abc'), '{query.id}');
      expect(await (await get('number?id=1')).text()).toBe('ran');
    });

    it('given a header that is missing or empty, then the client is told its name', async () => {
      await expectClientsFault(() => get('header'), '{headers.x-id}');
      await expectClientsFault(() => get('header', { 'x-id': '' }), '{headers.x-id}');
      expect(await (await get('header', { 'X-ID': 'a' })).text()).toBe('ran');
    });

    it.each(['body', 'bound-body'])(
      'given a property of the body without one usable value (%s), then the client is told its name',
      async (route) => {
        const values = [
          '{}',
          '{"id":null}',
          '{"id":""}',
          '{"id":[]}',
          '{"id":[1]}',
          '{"id":{}}',
          '{"id":{"id":1}}',
          '{"id":{"toString":"a","toJSON":"b","toHexString":"c","valueOf":null}}',
          '{"id":{"constructor":{"name":"Evil\\nName"}}}',
          '{"id":{"__proto__":{"toJSON":"a"}}}',
          '{"id":{"length":1,"0":"a"}}',
          '{"id":"\\ud83d"}',
          '[]',
          `{"id":[${'"x",'.repeat(20_000)}"x"]}`,
        ];
        for (const json of values) {
          // Fastify's parser refuses these two itself.
          if (platform === 'Fastify' && /__proto__|constructor/.test(json)) {
            expect((await post(route, json)).status).toBe(400);
          } else await expectClientsFault(() => post(route, json), '{body.id}');
        }
        expect(await (await post(route, '{"id":"a"}')).text()).toBe('ran');
      },
    );

    it('given a path into the body by the index of its argument, then the client is told that path', async () => {
      await expectClientsFault(() => post('dto-by-index', '{"of":"a"}'), '{body.of.id}');
      await expectClientsFault(() => post('dto-by-index', '{"of":null}'), '{body.of.id}');
    });

    it('given no body, then the client is told the property', async () => {
      await expectClientsFault(() => fetch(`${http.url}/orders/body`, { method: 'POST' }), '{body.id}');
    });

    it('given an optional route parameter that is missing, then the client is told its name', async () => {
      await expectClientsFault(() => get('optional'), '{params.id}');
      expect(await (await get('optional/1')).text()).toBe('ran');
    });

    it('given a filter of the application, then it gets the LockKeyError with its details', async () => {
      expect((await get('seen?id=1&id=2')).status).toBe(400);
      expect(seen).toEqual([expect.any(LockKeyError)]);
      expect(seen).toMatchObject([{ fault: 'client', placeholder: '{query.id}', key: 'q:{query.id}' }]);
      expect((seen[0] as Error).message).toMatch(/"q:\{query\.id\}" of Orders\.seen .* is an array/);
    });
  });

  describe("the code's fault: 500, and one log line names the place", () => {
    it.each<[string, () => Promise<Response>, RegExp]>([
      [
        'a user that a guard made',
        () => get('user'),
        /of Orders\.user cannot be made: \{user\.id\} is undefined/,
      ],
      [
        'a model that a pipe made',
        () => get('model/1'),
        /of Orders\.model cannot be made: \{params\.id\} is an instance of Order, which has no text/,
      ],
      [
        'a list that a pipe made of a good value',
        () => get('list?ids=1,2'),
        /of Orders\.list cannot be made: \{query\.ids\} is an array .* after its pipes, and was sent as string/,
      ],
      [
        'a property that a pipe left out',
        () => post('dropped', '{"id":"a"}'),
        /of Orders\.dropped cannot be made: \{body\.id\} is undefined after its pipes, and was sent as string/,
      ],
      [
        'a key that a function makes',
        () => get('function'),
        /The key function of Orders\.function: .* value 1 is undefined/,
      ],
      [
        'a parameter that the route does not have',
        () => get('misnamed/1'),
        /of Orders\.misnamed cannot be made: \{params\.orderId\} is undefined\. The parameters there are: id\./,
      ],
      [
        'a parameter that the route does not have, by the index of its argument',
        () => get('misnamed-by-index/1'),
        /of Orders\.misnamedByIndex cannot be made: \{0\} is undefined\. The parameters there are: id\./,
      ],
    ])(
      'given %s, then the client is told nothing, and the log names the place',
      async (_title, send, says) => {
        await expectCodesFault(send, says);
      },
    );
  });
});
