/** BullMQ processors: a worker that runs several jobs at once, each under its lock. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BullModule, getQueueToken, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject, Logger, SetMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { type Job, type Queue, QueueEvents } from 'bullmq';
import { Locked, LockModule, LockService } from 'nestjs-locked';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { Acquisitions } from './support/acquisitions.js';
import { takeAway } from './support/failures.js';

interface Order {
  readonly id: number;
}

const ran: string[] = [];
let step: Deferred;

@Processor('orders', { concurrency: 4 })
class Orders extends WorkerHost {
  constructor(@Inject(LockService) private readonly locks: LockService) {
    super();
  }

  @Locked((job: Job<Order>) => `order:${job.data.id}`)
  @SetMetadata('own', 'kept')
  override async process(job: Job<Order>): Promise<string> {
    ran.push(`begin ${job.name}`);
    await step.promise;
    ran.push(`end ${job.name}`);
    return this.locks.current().keys.join();
  }
}

@Processor('reports')
class Reports extends WorkerHost {
  @Locked('report:{0.data.id}', { wait: 0 })
  override async process(job: Job<Order>): Promise<string> {
    ran.push(`report ${job.data.id}`);
    return 'written';
  }
}

let redis: RedisServer;
let module: TestingModule;
let orders: Queue<Order>;
let reports: Queue<Order>;
let ended: Record<'orders' | 'reports', QueueEvents>;
let acquired: Acquisitions;

beforeAll(async () => {
  redis = await startRedis();
  const connection = { host: '127.0.0.1', port: redis.port };
  module = await Test.createTestingModule({
    imports: [
      LockModule.forRoot({ redis: redis.url }),
      BullModule.forRoot({ connection }),
      BullModule.registerQueue({ name: 'orders' }, { name: 'reports' }),
    ],
    providers: [Orders, Reports],
  }).compile();
  Logger.overrideLogger(false);
  await module.init();
  orders = module.get(getQueueToken('orders'));
  reports = module.get(getQueueToken('reports'));
  ended = {
    orders: new QueueEvents('orders', { connection }),
    reports: new QueueEvents('reports', { connection }),
  };
  await Promise.all(Object.values(ended).map((each) => each.waitUntilReady()));
  acquired = new Acquisitions();
});
afterAll(async () => {
  acquired?.end();
  await Promise.all(Object.values(ended ?? {}).map((each) => each.close()));
  await module?.close();
  await redis.stop();
});
beforeEach(() => {
  acquired.clear();
  ran.length = 0;
  step = deferred();
});

describe('a BullMQ job', () => {
  it('given two jobs of one key and one of another key, then the two run one after the other, and the third meanwhile', async () => {
    const first = await orders.add('a', { id: 1 });
    await eventually(() => expect(ran).toEqual(['begin a']));
    const second = await orders.add('b', { id: 1 });
    const other = await orders.add('c', { id: 2 });
    await eventually(() => expect(ran).toEqual(['begin a', 'begin c']));
    step.resolve();
    const results = await Promise.all(
      [first, second, other].map((job) => job.waitUntilFinished(ended.orders)),
    );
    expect(results).toEqual(['order:1', 'order:1', 'order:2']);
    expect(ran.indexOf('begin b')).toBeGreaterThan(ran.indexOf('end a'));
    expect([...acquired.keys].sort()).toEqual(['order:1', 'order:1', 'order:2']);
  });

  it('given a lost lock, then the job fails with that error once it has settled, and other metadata stays readable', async () => {
    expect(Reflect.getMetadata('own', Orders.prototype.process)).toBe('kept');
    const job = await orders.add('lost', { id: 4 });
    await eventually(() => expect(ran).toEqual(['begin lost']));
    const client = redis.client();
    await takeAway(client, 'order:4');
    step.resolve();
    await expect(job.waitUntilFinished(ended.orders)).rejects.toThrow('The lock "order:4" was lost');
    expect(ran).toEqual(['begin lost', 'end lost']);
  });

  it('given a busy key, then the attempt fails with that error, and a later attempt succeeds', async () => {
    const held = await module.get(LockService).acquire('report:3');
    const job = await reports.add('r', { id: 3 }, { attempts: 50, backoff: { type: 'fixed', delay: 20 } });
    const failed = async (): Promise<Job<Order> | undefined> => reports.getJob(job.id ?? '');
    await eventually(async () => expect((await failed())?.attemptsMade).toBeGreaterThan(0));
    expect((await failed())?.stacktrace?.[0]).toContain('LockBusyError: The lock "report:3" is busy');
    expect(ran).toEqual([]);
    await held.release();
    expect(await job.waitUntilFinished(ended.reports)).toBe('written');
    expect(ran).toEqual(['report 3']);
    expect(acquired.keys).toEqual(['report:3', 'report:3']);
  });
});
