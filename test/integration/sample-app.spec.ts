/** The sample application end to end, over HTTP and WebSockets: on Express and Fastify with Redis, and in memory. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { WsAdapter } from '@nestjs/platform-ws';
import { SchedulerRegistry } from '@nestjs/schedule';
import { type Duration, LockService, lockKey } from 'nestjs-locked';
import { WebSocket } from 'ws';
import { AppModule } from '../../sample-app/src/app.module.js';
import type { Ticket } from '../../sample-app/src/events/box-office.service.js';
import type { EventView } from '../../sample-app/src/events/events.controller.js';
import { EventsRepository } from '../../sample-app/src/events/events.repository.js';
import {
  type TicketStorage,
  describeStorage,
  openStorage,
} from '../../sample-app/src/storage/open-storage.js';
import { findServer, startPrivateRedis } from '../../sample-app/src/storage/private-redis.js';
import { startTied } from '../../sample-app/src/storage/tied-process.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { deferred } from '../support/deferred.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const [[, express], [, fastify]] = PLATFORMS;

class Office {
  private constructor(readonly http: HttpApp) {}

  static async start(
    adapter: typeof express,
    storage: TicketStorage,
    wait: Duration = '15s',
  ): Promise<Office> {
    const http = await startHttp(adapter, { imports: [AppModule.on(storage, { wait })] }, (app) => {
      app.useWebSocketAdapter(new WsAdapter(app));
    });
    const office = new Office(http);
    // The job must run only when a test fires it.
    await office.job.stop();
    return office;
  }

  get events(): EventsRepository {
    return this.http.app.get(EventsRepository, { strict: false });
  }
  get locks(): LockService {
    return this.http.app.get(LockService, { strict: false });
  }
  get job() {
    return this.http.app.get(SchedulerRegistry, { strict: false }).getCronJob('sales-report');
  }

  put(id: string, body: string): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return this.http.get(`/events/${id}`, { method: 'PUT', headers, body });
  }
  async open(id: string, capacity: number): Promise<void> {
    const reply = await this.put(id, JSON.stringify({ capacity }));
    expect(await reply.json()).toEqual({ id, capacity, sold: 0, oversold: 0 });
    expect(reply.status).toBe(200);
  }
  buy(id: string, query = ''): Promise<Response> {
    return this.http.get(`/events/${id}/tickets${query}`, { method: 'POST' });
  }
  receipt(id: string, seat: number | string): Promise<Response> {
    return this.http.get(`/events/${id}/tickets/${seat}/receipt`);
  }
  async view(id: string): Promise<EventView> {
    return (await (await this.http.get(`/events/${id}`)).json()) as EventView;
  }
  async visitor(): Promise<Visitor> {
    const socket = new WebSocket(`${this.http.url.replace('http', 'ws')}/live`);
    await once(socket, 'open');
    return new Visitor(socket);
  }
  close(): Promise<void> {
    return this.http.app.close();
  }
}

interface Message {
  readonly event: string;
  readonly data: unknown;
}

/** A buyer by WebSocket. Answers come in the order in which they are made. */
class Visitor {
  readonly got: Message[] = [];

  constructor(private readonly socket: WebSocket) {
    socket.on('message', (text: Buffer) => this.got.push(JSON.parse(text.toString()) as Message));
  }

  group(data: unknown): void {
    this.socket.send(JSON.stringify({ event: 'group', data }));
  }
  async answers(count: number): Promise<Message[]> {
    await eventually(() => expect(this.got).toHaveLength(count), { within: 15_000 });
    return this.got;
  }
  leave(): void {
    this.socket.terminate();
  }
}

const refused = (statusCode: number) => ({
  event: 'exception',
  data: { status: 'error', statusCode, message: expect.any(String) },
});

/** The tickets, and the statuses of the refused buyers. */
async function visits(
  replies: ReadonlyArray<Promise<Response>>,
): Promise<{ tickets: Ticket[]; refusals: number[] }> {
  const settled = await Promise.all(replies);
  return {
    tickets: await Promise.all(
      settled.filter((each) => each.status === 201).map(async (each) => (await each.json()) as Ticket),
    ),
    refusals: settled.filter((each) => each.status !== 201).map(({ status }) => status),
  };
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
afterEach(() => void jest.restoreAllMocks());

describe.each([
  { where: 'on Express with Redis', adapter: express, kind: 'redis' },
  { where: 'on Fastify with Redis', adapter: fastify, kind: 'redis' },
  { where: 'on Express in memory', adapter: express, kind: 'memory' },
] as const)('the ticket office $where', ({ adapter, kind }) => {
  let office: Office;
  let storage: TicketStorage;

  beforeAll(async () => {
    storage = kind === 'memory' ? { kind } : { kind, url: redis.url };
    office = await Office.start(adapter, storage);
  });
  afterAll(() => office.close());

  it('given 50 buyers at a time, then each seat is sold once, and the rest get 409', async () => {
    await office.open('hamlet', 20);
    const { tickets, refusals } = await visits(upTo(50).map(() => office.buy('hamlet')));
    const bySeat = tickets.sort((a, b) => a.seat - b.seat);
    expect(bySeat.map(({ seat }) => seat)).toEqual(upTo(20));
    expect(refusals).toEqual(Array(30).fill(409));
    // A later sale has the higher fencing token.
    const fences = bySeat.map(({ fence }) => fence ?? 0);
    expect([...new Set(fences)].sort((a, b) => a - b)).toEqual(fences);
    expect(await office.view('hamlet')).toEqual({ id: 'hamlet', capacity: 20, sold: 20, oversold: 0 });
  });

  it('given ?lock=off, then seats are oversold', async () => {
    await office.open('macbeth', 1);
    const { events } = office;
    const find = events.find.bind(events);
    const all = deferred();
    let reading = 0;
    // All ten have read before the first one writes.
    jest.spyOn(events, 'find').mockImplementation(async (id) => {
      const event = await find(id);
      if (++reading === 10) all.resolve();
      await all.promise;
      return event;
    });
    const { tickets, refusals } = await visits(upTo(10).map(() => office.buy('macbeth', '?lock=off')));
    expect(tickets).toEqual(Array(10).fill({ seat: 1, fence: null }));
    expect(refusals).toEqual([]);
    jest.restoreAllMocks();
    expect(await office.view('macbeth')).toEqual({ id: 'macbeth', capacity: 1, sold: 10, oversold: 9 });
    expect((await office.buy('macbeth')).status).toBe(409);
  });

  it('given groups among single buyers, then each group gets seats in a row', async () => {
    await office.open('iliad', 30);
    const visitors = await Promise.all([office.visitor(), office.visitor()]);
    for (const visitor of visitors) for (const size of [3, 4]) visitor.group({ id: 'iliad', size });
    const { tickets } = await visits(upTo(10).map(() => office.buy('iliad')));
    const groups = (await Promise.all(visitors.map((visitor) => visitor.answers(2)))).flat();
    visitors.forEach((visitor) => visitor.leave());

    expect(groups.map(({ event }) => event)).toEqual(Array(4).fill('tickets'));
    const sold = groups.map(({ data }) => data as Ticket[]);
    expect(sold.map(({ length }) => length).sort()).toEqual([3, 3, 4, 4]);
    for (const group of sold) {
      const [{ seat, fence }] = group;
      // One lock for the group: its sales are nested holds with the same fence.
      expect(group).toEqual(group.map((_, i) => ({ seat: seat + i, fence })));
    }
    const seats = [...tickets, ...sold.flat()].map(({ seat }) => seat).sort((a, b) => a - b);
    expect(seats).toEqual(upTo(24));
    expect(await office.view('iliad')).toEqual({ id: 'iliad', capacity: 30, sold: 24, oversold: 0 });
  });

  it('given a group without enough seats or with invalid data, then it gets none and is told why', async () => {
    await office.open('odyssey', 5);
    const visitor = await office.visitor();
    const bad = [
      { id: 'odyssey', size: 6 },
      { id: 'nowhere', size: 1 },
      { id: 'odyssey', size: 0 },
      { id: 'odyssey', size: 11 },
      { id: 'odyssey', size: '2' },
      { id: 'x'.repeat(65), size: 1 },
      { id: 7, size: 1 },
      { size: 1 },
      [],
    ];
    for (const [i, data] of bad.entries()) {
      visitor.group(data);
      await visitor.answers(i + 1);
    }
    visitor.leave();
    expect(visitor.got).toEqual([409, 404, 400, 400, 400, 400, 400, 400, 400].map(refused));
    expect(await office.view('odyssey')).toMatchObject({ sold: 0 });
  });

  it('given three printers, then a receipt is printed while one is free, and the reply is 423 otherwise', async () => {
    const impatient = await Office.start(adapter, storage, '50ms');
    try {
      await impatient.open('emma', 2);
      expect((await impatient.buy('emma')).status).toBe(201);
      const printer = () => impatient.locks.acquire('receipt-printers', { limit: 3 });
      const printers = [await printer(), await printer()];
      // The third printer is free.
      const receipt = await impatient.receipt('emma', 1);
      expect(receipt.status).toBe(200);
      expect(receipt.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(await receipt.text()).toBe('emma: seat 1, paid\n');

      printers.push(await printer());
      const busy = await impatient.receipt('emma', 1);
      expect(busy.status).toBe(423);
      expect(Number(busy.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      // Sales go on.
      expect((await impatient.buy('emma')).status).toBe(201);
      await printers[0].release();
      expect((await impatient.receipt('emma', 2)).status).toBe(200);
      await Promise.all(printers.map((each) => each.release()));
    } finally {
      await impatient.close();
    }
  });

  it('given many receipts at once, then all are printed', async () => {
    await office.open('persuasion', 8);
    await visits(upTo(8).map(() => office.buy('persuasion')));
    const receipts = await Promise.all(upTo(8).map((seat) => office.receipt('persuasion', seat)));
    expect(await Promise.all(receipts.map((each) => each.text()))).toEqual(
      upTo(8).map((seat) => `persuasion: seat ${seat}, paid\n`),
    );
  });

  it('given a seat that is not sold, then no receipt is printed', async () => {
    await office.open('sanditon', 2);
    expect((await office.buy('sanditon')).status).toBe(201);
    for (const [seat, status] of [
      [0, 404],
      [2, 404],
      ['x', 400],
    ] as const) {
      expect((await office.receipt('sanditon', seat)).status).toBe(status);
    }
  });

  it('given an event that stays locked past the wait, then the reply is 423 with Retry-After', async () => {
    const impatient = await Office.start(adapter, storage, '50ms');
    try {
      await impatient.open('lear', 5);
      await using lock = await impatient.locks.acquire(lockKey`event:${'lear'}`);
      const reply = await impatient.buy('lear');
      expect(reply.status).toBe(423);
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect((await impatient.put('lear', '{"capacity":9}')).status).toBe(423);
      const visitor = await impatient.visitor();
      visitor.group({ id: 'lear', size: 2 });
      expect(await visitor.answers(1)).toMatchObject([{ event: 'exception', data: { code: 'LOCK_BUSY' } }]);
      visitor.leave();
      // A sale without the lock does not wait.
      expect((await impatient.buy('lear', '?lock=off')).status).toBe(201);
      await lock.release();
      expect((await impatient.buy('lear', '?lock=on')).status).toBe(201);
      expect(await impatient.view('lear')).toEqual({ id: 'lear', capacity: 5, sold: 2, oversold: 0 });
    } finally {
      await impatient.close();
    }
  });

  it('given a sale that was overtaken, then its write is refused', async () => {
    await office.open('othello', 5);
    const { events } = office;
    const [has, may] = [deferred(), deferred()];
    const find = events.find.bind(events);
    jest.spyOn(events, 'find').mockImplementationOnce(async (id) => {
      const event = await find(id);
      has.resolve();
      await may.promise;
      return event;
    });
    const slow = office.buy('othello');
    await has.promise;
    // The next holder sells the seat, as if the first holder were paused past its lease.
    await office.locks.using('any other', async ({ fence }) => {
      expect(await events.sell('othello', 1, fence)).toBe(true);
    });
    may.resolve();
    expect((await slow).status).toBe(503);
    expect(await events.find('othello')).toMatchObject({ lastSeat: 1, sold: 1 });
    expect(await events.open('othello', 7, 1)).toBe(false);
    expect(await events.find('othello')).toMatchObject({ capacity: 5, sold: 1 });
  });

  it('given an unknown event, then the reply is 404', async () => {
    for (const reply of [
      await office.http.get('/events/nowhere'),
      await office.buy('nowhere'),
      await office.buy('nowhere', '?lock=off'),
    ]) {
      expect(reply.status).toBe(404);
    }
  });

  it.each([
    ['{}'],
    ['{"capacity":0}'],
    ['{"capacity":-1}'],
    ['{"capacity":1.5}'],
    ['{"capacity":"100"}'],
    ['{"capacity":null}'],
    ['{"capacity":1e9}'],
    ['[]'],
    ['{'],
  ])('given a body of %s, then the reply is 400', async (body) => {
    expect((await office.put('bad', body)).status).toBe(400);
    expect((await office.http.get('/events/bad')).status).toBe(404);
  });

  it('given another value than ?lock=on or off, or a long id, then the reply is 400', async () => {
    await office.open('timon', 5);
    for (const query of ['?lock=maybe', '?lock=', '?lock=off&lock=on']) {
      expect((await office.buy('timon', query)).status).toBe(400);
    }
    expect((await office.http.get(`/events/${'x'.repeat(65)}`)).status).toBe(400);
    expect((await office.put('x'.repeat(65), '{"capacity":1}')).status).toBe(400);
    expect(await office.view('timon')).toMatchObject({ sold: 0 });
  });

  it('given events with special names, then they are kept apart, and a reset empties one', async () => {
    await office.open('a', 3);
    expect((await office.buy('a')).status).toBe(201);
    await office.open('a', 2);
    for (const id of ['a:b', '100% é', '{x}']) {
      const path = encodeURIComponent(id);
      expect((await office.put(path, '{"capacity":2}')).status).toBe(200);
      const { tickets } = await visits([office.buy(path), office.buy(path)]);
      expect(tickets.map(({ seat }) => seat).sort()).toEqual([1, 2]);
      expect(await office.view(path)).toEqual({ id, capacity: 2, sold: 2, oversold: 0 });
    }
    expect(await office.view('a')).toEqual({ id: 'a', capacity: 2, sold: 0, oversold: 0 });
  });

  it('given the health check, then it says ok and names the storage', async () => {
    const reply = await office.http.get('/health');
    expect(reply.status).toBe(200);
    expect(await reply.json()).toMatchObject({
      status: 'ok',
      info: { locks: { status: 'up' }, tickets: { status: 'up', storage: kind } },
    });
  });
});

describe('several instances of the sample on one Redis', () => {
  let offices: Office[];

  beforeAll(async () => {
    const storage: TicketStorage = { kind: 'redis', url: redis.url };
    offices = await Promise.all([Office.start(express, storage), Office.start(fastify, storage)]);
  });
  afterAll(async () => void (await Promise.all(offices.map((office) => office.close()))));

  it('given buyers at both, then each seat is sold once', async () => {
    await offices[0].open('tempest', 20);
    const { tickets, refusals } = await visits(upTo(50).map((i) => offices[i % 2].buy('tempest')));
    expect(tickets.map(({ seat }) => seat).sort((a, b) => a - b)).toEqual(upTo(20));
    expect(refusals).toEqual(Array(30).fill(409));
    expect(await offices[1].view('tempest')).toEqual({ id: 'tempest', capacity: 20, sold: 20, oversold: 0 });
  });

  it('given receipts at both, then they share the three printers', async () => {
    await offices[0].open('ulysses', 1);
    expect((await offices[1].buy('ulysses')).status).toBe(201);
    const printers = await Promise.all(
      [0, 1, 0].map((i) => offices[i].locks.acquire('receipt-printers', { limit: 3 })),
    );
    const none = await offices[1].locks.tryAcquire('receipt-printers', { limit: 3 });
    expect(none).toBeNull();
    const receipt = offices[1].receipt('ulysses', 1);
    await printers[0].release();
    expect((await receipt).status).toBe(200);
    await Promise.all(printers.map((each) => each.release()));
  });

  it('given the cron job on both, then one runs it, and it is skipped while another runs or has just run it', async () => {
    const client = redis.client();
    // Another test may have left the key behind.
    await client.del('lock:sales-report');
    const lists = offices.map(({ events }) => jest.spyOn(events, 'list'));
    const reports = () => lists.reduce((sum, { mock }) => sum + mock.calls.length, 0);

    const elsewhere = await offices[0].locks.acquire('sales-report');
    await offices[1].job.fireOnTick();
    expect(reports()).toBe(0);
    await elsewhere.release();

    await Promise.all(offices.map(({ job }) => job.fireOnTick()));
    await eventuallyTrue(() => reports() === 1);
    // The report is done, and minHold still keeps the key busy for a machine that is a little late.
    await Promise.all(offices.map(({ job }) => job.fireOnTick()));
    expect(reports()).toBe(1);
    // While the first report still runs, the key has the shorter time of its lease.
    await eventuallyTrue(async () => (await client.pttl('lock:sales-report')) > 20_000);
    expect(reports()).toBe(1);
  });
});

describe('the sample without its Redis', () => {
  it('given Redis down, then replies are 503; given it back, then the office recovers', async () => {
    const own = await startRedis();
    const office = await Office.start(express, { kind: 'redis', url: own.url });
    try {
      await office.open('henry', 5);
      await own.kill();
      for (const reply of await Promise.all([
        office.http.get('/health'),
        office.http.get('/events/henry'),
        office.buy('henry'),
        office.buy('henry', '?lock=off'),
      ])) {
        expect(reply.status).toBe(503);
        expect(await reply.text()).not.toMatch(/ECONN|henry|stack/);
      }
      await own.restart();
      await eventuallyTrue(async () => (await office.put('henry', '{"capacity":1}')).status === 200);
      expect((await office.buy('henry')).status).toBe(201);
    } finally {
      await office.close();
      await own.stop();
    }
  });
});

describe('the storage of the sample', () => {
  it('given REDIS_URL, then that server is used, and its password is not told', async () => {
    const storage = await openStorage({ REDIS_URL: 'redis://me:secret@db:6379', PATH: process.env.PATH });
    expect(storage).toEqual({ kind: 'redis', url: 'redis://me:secret@db:6379' });
    expect(describeStorage(storage)).toMatch(/db:6379/);
    expect(describeStorage(storage)).not.toMatch(/secret/);
  });

  it('given no server, then the storage is in memory, and that is told', async () => {
    const storage = await openStorage({ PATH: '' });
    expect(storage).toEqual({ kind: 'memory' });
    expect(describeStorage(storage)).toMatch(/memory/);
  });

  it('given a server program, then a private server is started, and ends when it is stopped', async () => {
    const program = process.env.LOCK_TEST_SERVER || findServer(process.env.PATH);
    const server = await startPrivateRedis(program!);
    const client = redis.client({ port: server.port, retryStrategy: () => null });
    expect(await client.ping()).toBe('PONG');
    expect(await client.config('GET', 'save')).toContain('');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await server.stop();
    await ended;
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  });

  it('given a program that does not start, then the error says why', async () => {
    const failing = startTied('/bin/sh', ['-c', 'echo no luck >&2; exit 3']);
    await expect(failing.says(/ready/, 5_000)).rejects.toThrow(/it ended with 3\.\nno luck/);
    await failing.stop();
  });
});
