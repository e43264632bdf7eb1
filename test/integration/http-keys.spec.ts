/** The keys of `@Locked` HTTP handlers, on Express and Fastify: parts of the request, and handlers that call handlers. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  Body,
  type CallHandler,
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Headers,
  Inject,
  Injectable,
  type NestInterceptor,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Post,
  Query,
  Req,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { fromContext, Locked, lockKey, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { type Observable, retry } from 'rxjs';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';

class Lowercase implements PipeTransform {
  transform(value: unknown): unknown {
    if (typeof value === 'string') return value.toLowerCase();
    if (typeof value !== 'object' || value === null) throw new BadRequestException();
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.transform(each)]));
  }
}

class SignedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getRequest<{ user?: object }>().user = { id: 'u:1' };
    return true;
  }
}

/** Calls the handler again within one request. */
class Retrying implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(2));
  }
}

const Id = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  return Number(context.switchToHttp().getRequest<{ params: { id: string } }>().params.id);
});

type Keys = readonly string[];

/** Gives the keys of the current lock. Every handler here replies with them. */
@Injectable()
class Under {
  constructor(@Inject(LockService) private readonly locks: LockService) {}
  keys(): Keys {
    return this.locks.current().keys;
  }
}

abstract class Inherited {
  @Inject(Under) protected readonly under!: Under;

  @Get('inherited/:id')
  @Locked('inherited:{params.id}')
  async inherited(@Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    return this.under.keys();
  }
}

@Controller('orders')
class Orders extends Inherited {
  calls = 0;

  @Post(':id/pay')
  @Locked('order:{params.id}')
  async pay(@Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    return this.under.keys();
  }
  @Locked('order:{params.id}')
  @Post(':id/pay-below')
  async payBelow(@Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    return this.under.keys();
  }
  @Get('raw/:id')
  @Locked('raw:{params.id}')
  async raw(): Promise<Keys> {
    return this.under.keys();
  }
  @Get('custom/:id')
  @Locked('custom:{params.id}:{0}')
  async custom(@Id() _id: number): Promise<Keys> {
    return this.under.keys();
  }
  @Get('whole/:id')
  @Locked('whole:{params.id}')
  async whole(@Param(new Lowercase()) _params: object): Promise<Keys> {
    return this.under.keys();
  }
  @Post('dto')
  @UsePipes(Lowercase)
  @Locked('dto:{body.sku}:{body.to.shelf}')
  async dto(@Body() _dto: object): Promise<Keys> {
    return this.under.keys();
  }
  @Post('property')
  @Locked('property:{body.to.shelf}')
  async property(@Body('to', Lowercase) _to: object, @Body() _raw: object): Promise<Keys> {
    return this.under.keys();
  }
  @Get('query')
  @Locked(['q:{query.a}', 'q:{query.b}'])
  async query(@Query('a', ParseIntPipe) _a: number): Promise<Keys> {
    return this.under.keys();
  }
  @Get('headers')
  @Locked('h:{headers.X-Bound}:{headers.X-Raw}')
  async headers(@Headers('x-BOUND') _bound: string): Promise<Keys> {
    return this.under.keys();
  }
  @Get('all-headers')
  @Locked('h:{headers.X-Raw}')
  async allHeaders(@Headers() _all: object): Promise<Keys> {
    return this.under.keys();
  }
  @Get('user')
  @UseGuards(SignedIn)
  @Locked('user:{user.id}')
  async user(@Req() _request: object): Promise<Keys> {
    return this.under.keys();
  }
  @Get('context/:id')
  @Locked(
    fromContext(
      (context) =>
        lockKey`${context.getHandler().name}:${context.switchToHttp().getRequest<{ url: string }>().url}`,
    ),
  )
  async context(): Promise<Keys> {
    return this.under.keys();
  }
  @Get('twice/:id')
  @Locked('twice:{params.id}')
  async twice(@Param('id') _raw: string, @Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    return this.under.keys();
  }
  @Get('missing')
  @Locked('missing:{query.id}')
  async missing(): Promise<Keys> {
    this.calls += 1;
    return this.under.keys();
  }

  @Get('outer/:id')
  @Locked('outer:{params.id}')
  async outer(@Param('id') id: string): Promise<unknown> {
    return { outer: this.under.keys(), inner: await this.byArgument(Number(id) + 1) };
  }
  @Get('by-argument/:id')
  @Locked('argument:{0}')
  async byArgument(@Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    return this.under.keys();
  }
  @Get('confused/:id')
  @Locked('confused:{params.id}')
  async confused(@Param('id') id: string): Promise<unknown> {
    return this.pay(Number(id) + 1);
  }
  @Get('recursive/:id')
  @Locked('recursive:{params.id}')
  async recursive(@Param('id') id: string): Promise<unknown> {
    return this.recursive(`${id}0`);
  }

  @Get('flaky/:id')
  @UseInterceptors(Retrying)
  @Locked('flaky:{params.id}')
  async flaky(@Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    this.calls += 1;
    if (this.calls < 3) throw new Error('again');
    return this.under.keys();
  }
  @Get('flaky-inside/:id')
  @Locked('flaky:{params.id}')
  @UseInterceptors(Retrying)
  async flakyInside(@Param('id', ParseIntPipe) id: number): Promise<Keys> {
    return this.failTwice(id);
  }
  private async failTwice(_id: number): Promise<Keys> {
    this.calls += 1;
    if (this.calls < 3) throw new Error('again');
    return this.under.keys();
  }
}

@Controller({ path: 'scoped', scope: Scope.REQUEST })
class Scoped {
  constructor(@Inject(Under) private readonly under: Under) {}
  @Get(':id')
  @Locked('scoped:{params.id}')
  async get(@Param('id', ParseIntPipe) _id: number): Promise<Keys> {
    return this.under.keys();
  }
}

describe.each(PLATFORMS)('the keys of HTTP handlers on %s', (_platform, adapter) => {
  let http: HttpApp;
  let using: jest.SpiedFunction<LockService['using']>;

  beforeAll(async () => {
    http = await startHttp(adapter, {
      imports: [LockModule.forRoot({ store: memoryStore() })],
      controllers: [Orders, Scoped],
      providers: [Under],
    });
    using = jest.spyOn(http.module.get(LockService), 'using');
  });
  beforeEach(() => {
    using.mockClear();
    http.module.get(Orders).calls = 0;
  });
  afterAll(() => http.app.close());

  const keysOf = async (response: Promise<Response>): Promise<unknown> => (await response).json();

  describe('a key from the request', () => {
    it.each(['pay', 'pay-below'])(
      'given {params.id} and a pipe, then every spelling of the parameter is one key (%s)',
      async (route) => {
        expect(await keysOf(http.post(`/orders/1/${route}`))).toEqual(['order:1']);
        expect(await keysOf(http.post(`/orders/001/${route}`))).toEqual(['order:1']);
        expect(using).toHaveBeenCalledTimes(2);
      },
    );

    it('given a value that no parameter or a custom decorator binds, then the raw value is used', async () => {
      expect(await keysOf(http.get('/orders/raw/001'))).toEqual(['raw:001']);
      expect(await keysOf(http.get('/orders/custom/001'))).toEqual(['custom:001:1']);
    });

    it('given a whole object bound with pipes, then the property after its pipes is used', async () => {
      expect(await keysOf(http.get('/orders/whole/ABC'))).toEqual(['whole:abc']);
      expect(await keysOf(http.post('/orders/dto', { sku: 'ABC', to: { shelf: 'Z' } }))).toEqual([
        'dto:abc:z',
      ]);
    });

    it("given a bound property beside the bound whole, then the property's own binding is used", async () => {
      expect(await keysOf(http.post('/orders/property', { to: { shelf: 'Z' } }))).toEqual(['property:z']);
    });

    it('given a bound and an unbound query parameter, then the piped and the raw value are used', async () => {
      expect(await keysOf(http.get('/orders/query?a=01&b=01'))).toEqual(['q:01', 'q:1']);
    });

    it('given a header name in any case, then its value is found', async () => {
      const headers = { 'x-bound': 'B', 'X-RAW': 'R' };
      expect(await keysOf(http.get('/orders/headers', { headers }))).toEqual(['h:B:R']);
      expect(await keysOf(http.get('/orders/all-headers', { headers }))).toEqual(['h:R']);
    });

    it('given a user that a guard set, then its property is used', async () => {
      expect(await keysOf(http.get('/orders/user'))).toEqual(['user:u%3A1']);
    });

    it('given fromContext, then the key comes from the ExecutionContext', async () => {
      expect(await keysOf(http.get('/orders/context/7'))).toEqual(['context:%2Forders%2Fcontext%2F7']);
    });

    it('given an inherited handler or a request-scoped controller, then the piped value is used', async () => {
      expect(await keysOf(http.get('/orders/inherited/01'))).toEqual(['inherited:1']);
      expect(await keysOf(http.get('/scoped/01'))).toEqual(['scoped:1']);
    });

    it('given a parameter bound twice with different values, then the call is refused with LOCK_KEY', async () => {
      expect(await keysOf(http.get('/orders/twice/1'))).toMatchObject({ code: 'LOCK_KEY' });
      const [keys] = using.mock.calls;
      expect(keys).toBeUndefined();
    });

    it('given a missing value, then the reply is 400 and the handler does not run', async () => {
      const response = await http.get('/orders/missing');
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'LOCK_KEY' });
      expect(http.module.get(Orders).calls).toBe(0);
    });

    it('given a request that its pipes refuse, then no lock is acquired', async () => {
      expect((await http.post('/orders/x/pay')).status).toBe(400);
      expect(using).not.toHaveBeenCalled();
    });
  });

  describe('handlers that call handlers', () => {
    it('given keys of arguments, then each call has its own key', async () => {
      expect(await keysOf(http.get('/orders/outer/1'))).toEqual({
        outer: ['outer:1'],
        inner: ['argument:2'],
      });
      expect(using).toHaveBeenCalledTimes(2);
    });

    it('given a key of the request, then an inner call is refused with LOCK_KEY', async () => {
      expect(await keysOf(http.get('/orders/confused/1'))).toMatchObject({ code: 'LOCK_KEY' });
      expect(await keysOf(http.get('/orders/recursive/1'))).toMatchObject({ code: 'LOCK_KEY' });
    });
  });

  it('given a retrying interceptor, then each attempt is locked', async () => {
    expect(await keysOf(http.get('/orders/flaky/01'))).toEqual(['flaky:1']);
    expect(using.mock.calls.map(([keys]) => keys)).toEqual(Array(3).fill('flaky:1'));
    using.mockClear();
    http.module.get(Orders).calls = 0;
    expect(await keysOf(http.get('/orders/flaky-inside/01'))).toEqual(['flaky:1']);
    expect(using).toHaveBeenCalledTimes(3);
  });

  it('given two calls of one key, then one waits; given two keys, then both run', async () => {
    const held = await http.module.get(LockService).acquire('order:1');
    const waiting = http.post('/orders/1/pay');
    expect(await keysOf(http.post('/orders/2/pay'))).toEqual(['order:2']);
    await held.release();
    expect(await keysOf(waiting)).toEqual(['order:1']);
  });
});
