/** `@Locked` methods that call each other, over HTTP and a real Redis: nested holds, and deadlocks as clients see them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Logger, Param } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { lastValueFrom, Observable } from 'rxjs';
import { Locked, lockKey, LockModule, LockService } from 'nestjs-locked';
import { type Deferred, deferred } from '../support/deferred.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

interface Seen {
  readonly fence: number;
  readonly token: string;
}

@Injectable()
class Ledger {
  constructor(@Inject(LockService) readonly locks: LockService) {}

  @Locked('order:{0}', { reentry: 'join' })
  async note(_order: string): Promise<Seen> {
    const { fence, token } = this.locks.current();
    return { fence, token };
  }

  @Locked('order:{0}')
  async noteAlone(_order: string): Promise<void> {}

  @Locked('order:{0}', { reentry: 'join' })
  stream(_order: string): Observable<number> {
    return new Observable((subscriber) => {
      subscriber.next(this.locks.current().fence);
      subscriber.complete();
    });
  }
}

@Injectable()
class Meeting {
  #met: Deferred[] = [];

  /** Resolves when two calls wait here. */
  async both(): Promise<void> {
    const mine = deferred();
    this.#met.push(mine);
    if (this.#met.length === 2) for (const { resolve } of this.#met.splice(0)) resolve();
    await mine.promise;
  }
}

@Injectable()
class Warehouse {
  constructor(@Inject(Meeting) readonly meeting: Meeting) {}
  @Locked((sku: string) => lockKey`stock:${sku}`)
  async take(_sku: string, then?: () => Promise<unknown>): Promise<void> {
    if (then === undefined) return;
    await this.meeting.both();
    await then();
  }
}

@Controller('orders')
class Orders {
  /** Runs between the end of the inner call and the end of the outer call. */
  between: () => Promise<void> = () => Promise.resolve();

  constructor(
    @Inject(LockService) readonly locks: LockService,
    @Inject(Ledger) readonly ledger: Ledger,
    @Inject(Warehouse) readonly warehouse: Warehouse,
    @Inject(Meeting) readonly meeting: Meeting,
  ) {}

  @Get(':id/pay')
  @Locked('order:{params.id}')
  async pay(@Param('id') id: string): Promise<Seen[]> {
    const { fence, token } = this.locks.current();
    const noted = await this.ledger.note(id);
    const streamed = await lastValueFrom(this.ledger.stream(id));
    await this.between();
    return [{ fence, token }, noted, { fence: streamed, token }, await this.again(id)];
  }

  @Get(':id/again')
  @Locked('order:{0}', { reentry: 'join' })
  async again(@Param('id') id: string): Promise<Seen> {
    return this.ledger.note(id);
  }

  @Get(':id/twice')
  @Locked('order:{params.id}')
  async twice(@Param('id') id: string): Promise<void> {
    await this.ledger.noteAlone(id);
  }

  @Get(':id/pack')
  @Locked('order:{params.id}')
  async pack(@Param('id') _id: string): Promise<string> {
    await this.meeting.both();
    await this.warehouse.take('secret-sku');
    return 'packed';
  }

  @Get(':id/reserve')
  async reserve(@Param('id') id: string): Promise<string> {
    await this.warehouse.take('secret-sku', () => this.ledger.note(id));
    return 'reserved';
  }
}

let server: RedisServer;
let client: Redis;
let other: Locks;
let http: HttpApp;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  other = locksOn(server);
});
afterAll(async () => {
  await other.close();
  await server.stop();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await http.app.close();
});

describe.each(PLATFORMS)('nested @Locked methods on %s', (_, adapter) => {
  beforeEach(async () => {
    await client.flushall();
    http = await startHttp(adapter, {
      imports: [LockModule.forRoot({ redis: server.url })],
      controllers: [Orders],
      providers: [Ledger, Warehouse, Meeting],
    });
  });

  it("given reentry: 'join', then nested calls share fence and token, and the key is kept until the handler ends", async () => {
    let kept: unknown;
    http.app.get(Orders).between = async () => {
      kept = [await client.get('lock:order:7'), await other.service.tryAcquire('order:7')];
    };
    const seen = (await (await http.get('/orders/7/pay')).json()) as Seen[];
    expect(seen).toHaveLength(4);
    for (const each of seen) expect(each).toEqual(seen[0]);
    expect(kept).toEqual([seen[0].token, null]);
    const after = await other.service.acquire('order:7');
    expect(after.fence).toBeGreaterThan(seen[0].fence);
    await after.release();
  });

  it("given reentry: 'join' and a call from outside, then the method acquires the lock itself", async () => {
    const first = (await (await http.get('/orders/7/again')).json()) as Seen;
    const second = await http.app.get(Ledger).note('7');
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await client.exists('lock:order:7')).toBe(0);
  });

  it('given no reentry, then a nested call is refused at once, and the mistake is logged', async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const response = await http.get('/orders/7/twice');
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: 'LOCK_REENTRY' });
    expect(log).toHaveBeenCalledWith(expect.stringContaining('order:7'), expect.anything());
  });

  it('given a deadlock, then one call gets 503 to try again, the log names both chains, and the other call goes on', async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const responses = await Promise.all([http.get('/orders/7/pack'), http.get('/orders/7/reserve')]);
    expect(responses.map(({ status }) => status).sort()).toEqual([expect.any(Number), 503]);
    const [refused, fine] = responses[0].status === 503 ? responses : [...responses].reverse();
    expect(fine.ok).toBe(true);
    expect(await fine.text()).toMatch(/packed|reserved/);
    expect(refused.headers.get('retry-after')).toBe('1');
    const body = await refused.text();
    expect(JSON.parse(body)).toEqual({
      statusCode: 503,
      code: 'LOCK_DEADLOCK',
      message: expect.any(String),
    });
    expect(body).not.toMatch(/order|stock|sku/);
    const [message] = log.mock.calls[0] as [string];
    expect(message).toMatch(/(holds|wants) "order:7".*(holds|wants) "stock:secret-sku"/);
    expect(message).toMatch(/another call holds/);
    // The second try succeeds.
    expect((await http.app.get(Ledger).note('7')).fence).toBeGreaterThan(0);
    expect(await client.keys('lock:{order,stock}*')).toEqual([]);
  });
});

describe('a deadlock between processes', () => {
  beforeEach(async () => {
    http = await startHttp(PLATFORMS[0][1], { imports: [LockModule.forRoot({ redis: server.url })] });
  });

  it('given a cycle that no process can see, then "wait" ends it', async () => {
    const mine = http.app.get(LockService);
    const [held, busy] = [deferred(), deferred()];
    const here = mine.using('x', async () => {
      held.resolve();
      await busy.promise;
      await mine.using('y', { wait: '300ms' }, () => undefined);
    });
    await held.promise;
    const there = other.service.using('y', () => {
      busy.resolve();
      return other.service.using('x', () => 'went on');
    });
    await expect(here).rejects.toMatchObject({ code: 'LOCK_BUSY', key: 'y' });
    expect(await there).toBe('went on');
  });
});
