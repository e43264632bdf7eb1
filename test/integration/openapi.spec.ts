/** `nestjs-locked/swagger`: the document has the replies that the handlers really give for their locks. */
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  type INestApplication,
  Inject,
  Module,
  Param,
  Post,
  Query,
  VersioningType,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import {
  ApiExtension,
  ApiResponse,
  DocumentBuilder,
  type OpenAPIObject,
  SwaggerModule,
} from '@nestjs/swagger';
import { Validator } from '@seriousme/openapi-schema-validator';
import {
  Locked,
  LockModule,
  lockKey,
  type LockModuleRootOptions,
  LockService,
  memoryStore,
} from 'nestjs-locked';
import { ApiLocked, documentLocks } from 'nestjs-locked/swagger';
import { endAfterTest, endAll, start } from '../support/module-apps.js';
import { startHttp } from '../support/http-app.js';

afterEach(endAll);

@Controller('orders')
class OrdersController {
  @Post(':id/pay')
  @Locked('order:{params.id}', { wait: 0 })
  async pay(@Param('id') id: string): Promise<string> {
    return id;
  }

  @Post('ship')
  @Locked('order:{0}', { busyStatus: 409, wait: 0 })
  async ship(@Query('order') order: string): Promise<string> {
    return order;
  }

  @Post('report')
  @Locked('report', { onBusy: 'skip' })
  async report(): Promise<string | undefined> {
    return 'done';
  }

  @Post('note')
  @Locked((note: { id: string }) => lockKey`note:${note.id}`)
  async note(@Body() note: { id: string }): Promise<string> {
    return note.id;
  }

  @Get('mine')
  @ApiExtension('x-owner', 'shop')
  @Locked('mine:{user.id}')
  async mine(): Promise<string> {
    return 'mine';
  }

  @Post('own')
  @ApiResponse({ status: 201, description: 'Taken.' })
  @ApiResponse({ status: 423, description: 'In our own words.' })
  @Locked('own')
  async own(): Promise<void> {}

  @Post('several')
  @Locked('first:{query.a}:{body.b}', { wait: 0 })
  @Locked('second', { busyStatus: 503, wait: 0 })
  async several(): Promise<void> {}

  @Get()
  list(): string[] {
    return [];
  }
}

@ApiLocked()
@Controller('stock')
class StockController {
  constructor(@Inject(LockService) readonly locks: LockService) {}

  @Post('take')
  async take(): Promise<void> {
    await this.locks.using('stock', { wait: 0 }, () => undefined);
  }

  @Post('count')
  @ApiLocked({ busyStatus: 409 })
  async count(): Promise<void> {}

  @Post('skip')
  @Locked('stock', { onBusy: 'skip' })
  async skip(): Promise<void> {}
}

class SpecialOrders extends OrdersController {
  override async pay(id: string): Promise<string> {
    return id;
  }
}
Controller('special')(SpecialOrders);
Post(':id/pay')(
  SpecialOrders.prototype,
  'pay',
  Object.getOwnPropertyDescriptor(SpecialOrders.prototype, 'pay') as PropertyDescriptor,
);

interface Documented {
  readonly description: string;
  readonly headers?: Record<string, { schema: unknown }>;
  readonly content?: Record<string, { schema: unknown; examples: Record<string, { value: unknown }> }>;
}

const CONFIG = new DocumentBuilder().setTitle('Shop').setVersion('1').build();
const create = (app: INestApplication): OpenAPIObject => SwaggerModule.createDocument(app, CONFIG);

async function startShop(options: LockModuleRootOptions = {}): Promise<INestApplication> {
  @Module({
    imports: [LockModule.forRoot({ store: memoryStore(), ...options })],
    controllers: [OrdersController, StockController, SpecialOrders],
  })
  class Shop {}
  const app = await NestFactory.create(Shop, new ExpressAdapter(), { logger: false });
  endAfterTest(() => app.close());
  return app;
}

function responsesOf(
  document: OpenAPIObject,
  method: 'get' | 'post',
  path: string,
): Record<string, Documented> {
  const operation = document.paths[path]?.[method];
  if (operation === undefined) throw new Error(`The document has no ${method} ${path}.`);
  return operation.responses as unknown as Record<string, Documented>;
}

async function statuses(
  options: LockModuleRootOptions,
  method: 'get' | 'post',
  path: string,
): Promise<string[]> {
  const app = await startShop(options);
  return Object.keys(
    responsesOf(
      documentLocks(app, () => create(app)),
      method,
      path,
    ),
  );
}

describe('the statuses of a handler', () => {
  it.each<[title: string, path: string, expected: string[]]>([
    ['a key of a path parameter', '/orders/{id}/pay', ['201', '400', '423', '503']],
    ['a busyStatus of @Locked, and a key of a bound argument', '/orders/ship', ['201', '400', '409', '503']],
    ["onBusy: 'skip' and a static key", '/orders/report', ['201', '503']],
    ['a key that a function makes', '/orders/note', ['201', '423', '503']],
    ['two locks', '/orders/several', ['201', '400', '423', '503']],
    ['a mark on the controller', '/stock/take', ['201', '423', '503']],
    ['a mark on the handler', '/stock/count', ['201', '409', '503']],
    ["onBusy: 'skip' below a mark on the controller", '/stock/skip', ['201', '503']],
    ['an overriding method without a lock', '/special/{id}/pay', ['201']],
    ['an inherited lock', '/special/report', ['201', '503']],
  ])('given %s, then the document has those of its replies', async (_, path, expected) => {
    expect(await statuses({}, 'post', path)).toEqual(expected);
  });

  it('given a key of the user alone, then there is no 400', async () => {
    expect(await statuses({}, 'get', '/orders/mine')).toEqual(['200', '423', '503']);
  });

  it('given no lock, then nothing is added', async () => {
    expect(await statuses({}, 'get', '/orders')).toEqual(['200']);
  });

  it('given a busyStatus of the module, then it stands where no handler has its own', async () => {
    const options = { http: { busyStatus: 429 } };
    expect(await statuses(options, 'post', '/orders/{id}/pay')).toEqual(['201', '400', '429', '503']);
    expect(await statuses(options, 'post', '/orders/ship')).toEqual(['201', '400', '409', '503']);
    expect(await statuses(options, 'post', '/stock/take')).toEqual(['201', '429', '503']);
  });

  it('given a busyStatus of the module that comes from a factory, then it stands in the document', async () => {
    @Module({
      imports: [
        LockModule.forRootAsync({ useFactory: () => ({ store: memoryStore(), http: { busyStatus: 409 } }) }),
      ],
      controllers: [OrdersController],
    })
    class Shop {}
    const app = await NestFactory.create(Shop, new ExpressAdapter(), { logger: false });
    endAfterTest(() => app.close());
    const found = responsesOf(
      documentLocks(app, () => create(app)),
      'post',
      '/orders/{id}/pay',
    );
    expect(Object.keys(found)).toEqual(['201', '400', '409', '503']);
  });

  it('given mapErrors: false, then nothing is added', async () => {
    expect(await statuses({ mapErrors: false }, 'post', '/orders/{id}/pay')).toEqual(['201']);
  });

  it('given a prefix and versions, then each path of the handler has them', async () => {
    const app = await startShop();
    app.setGlobalPrefix('api');
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: ['1', '2'] });
    const document = documentLocks(app, () => create(app));
    for (const version of ['v1', 'v2']) {
      const found = responsesOf(document, 'post', `/api/${version}/orders/{id}/pay`);
      expect(Object.keys(found)).toEqual(['201', '400', '423', '503']);
    }
  });
});

describe('the document', () => {
  it.each(['3.0.0', '3.1.0'])('given OpenAPI %s, then it is valid', async (version) => {
    const app = await startShop();
    const config = new DocumentBuilder().setTitle('Shop').setVersion('1').setOpenAPIVersion(version).build();
    const document = documentLocks(app, () => SwaggerModule.createDocument(app, config));
    const copy = JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
    expect(await new Validator().validate(copy)).toEqual({ valid: true });
  });

  it('given a response of the handler itself, then it is kept', async () => {
    const app = await startShop();
    const found = responsesOf(
      documentLocks(app, () => create(app)),
      'post',
      '/orders/own',
    );
    expect(found).toMatchObject({
      201: { description: 'Taken.' },
      423: { description: 'In our own words.' },
      503: { headers: { 'Retry-After': {} } },
    });
    expect(found[423].content).toBeUndefined();
  });

  it('given a lock, then each reply has the body as a schema and an example', async () => {
    const app = await startShop();
    const document = documentLocks(app, () => create(app));
    const found = responsesOf(document, 'post', '/orders/{id}/pay');
    for (const status of ['400', '423', '503']) {
      expect(found[status].content?.['application/json'].schema).toEqual({
        $ref: '#/components/schemas/LockErrorResponse',
      });
    }
    expect(document.components?.schemas?.LockErrorResponse).toMatchObject({
      required: ['statusCode', 'code', 'message'],
    });
    expect(found[400].headers).toBeUndefined();
    expect(found[423].headers?.['Retry-After'].schema).toEqual({ type: 'integer', minimum: 1 });
    expect(found[503].description).toMatch(/^LOCK_STORE, .*LOCK_SHUTDOWN: The service is unavailable/);
  });

  it('given two locks with one status, then one response describes both', async () => {
    const app = await startShop();
    const found = responsesOf(
      documentLocks(app, () => create(app)),
      'post',
      '/orders/several',
    );
    expect(found[503].description).toMatch(/^LOCK_BUSY: .*\n\nLOCK_STORE, /);
    expect(found[400].description).toMatch(/\{query\.a\}.*\n\n.*\{body\.b\}/);
  });

  it('given a document before and after, then they have no trace of the locks', async () => {
    const app = await startShop();
    const before = JSON.stringify(create(app));
    const document = JSON.stringify(documentLocks(app, () => create(app)));
    expect(JSON.stringify(create(app))).toBe(before);
    expect(JSON.stringify(documentLocks(app, () => create(app)))).toBe(document);
    expect(document).not.toContain('x-nestjs-locked');
    expect(document).toContain('"x-owner":"shop"');
  });

  it('given an error of the callback, then the next document has no trace of the locks', async () => {
    const app = await startShop();
    const before = JSON.stringify(create(app));
    const failure = new Error('no document');
    expect(() =>
      documentLocks(app, () => {
        throw failure;
      }),
    ).toThrow(failure);
    expect(JSON.stringify(create(app))).toBe(before);
  });
});

describe('the replies of a running application', () => {
  it('given a busy lock and a missing part of the key, then the replies are those of the document', async () => {
    const { app, post } = await startHttp(() => new ExpressAdapter(), {
      imports: [LockModule.forRoot({ store: memoryStore() })],
      controllers: [OrdersController],
    });
    endAfterTest(() => app.close());
    const locks = app.get(LockService);
    const lock = await locks.acquire('order:5', { ttl: '30s' });
    const document = documentLocks(app, () => create(app));
    const ship = responsesOf(document, 'post', '/orders/ship');
    const pay = responsesOf(document, 'post', '/orders/{id}/pay');
    const example = (found: Documented): unknown =>
      Object.values(found.content?.['application/json'].examples ?? {})[0]?.value;

    for (const [path, status, documented] of [
      ['/orders/5/pay', 423, pay[423]],
      ['/orders/ship?order=5', 409, ship[409]],
      ['/orders/ship', 400, ship[400]],
    ] as const) {
      const reply = await post(path);
      expect(reply.status).toBe(status);
      expect(await reply.json()).toEqual(example(documented));
      expect(reply.headers.has('retry-after')).toBe(documented.headers !== undefined);
    }
    await lock.release();
  });
});

describe('mistakes', () => {
  it('given no LockModule, then the error says what to import', async () => {
    @Module({})
    class Empty {}
    const app = await NestFactory.create(Empty, new ExpressAdapter(), { logger: false });
    endAfterTest(() => app.close());
    expect(() => documentLocks(app, () => create(app))).toThrow(
      'documentLocks() has found no LockModule in the application. Import LockModule.forRoot() in the root module.',
    );
  });

  it.each<[unknown, string]>([
    [{ busyStatus: 200 }, 'The lock option "busyStatus" is 200; it must be an HTTP status from 400 to 599'],
    [{ busystatus: 409 }, 'There is no lock option "busystatus". Did you mean "busyStatus"?'],
    [409, 'The lock options are 409; they must be an object of options.'],
  ])('given @ApiLocked(%j), then it throws', (options, message) => {
    expect(() => ApiLocked(options as object)).toThrow(message);
  });

  it('given several modules, then the busyStatus is that of the unnamed one', async () => {
    const billing = LockModule.forRoot({ name: 'billing', store: memoryStore() });
    const unnamed = LockModule.forRoot({ store: memoryStore(), http: { busyStatus: 409 } });
    @Module({ imports: [billing, unnamed], controllers: [StockController] })
    class Shop {}
    const module = await start(Shop);
    const app = module.createNestApplication(new ExpressAdapter());
    const found = responsesOf(
      documentLocks(app, () => create(app)),
      'post',
      '/stock/take',
    );
    expect(Object.keys(found)).toEqual(['201', '409', '503']);
  });
});
