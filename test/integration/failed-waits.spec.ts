/** A wait of a second or more that fails: the log says which holder has the key, for how long, and how many callers wait. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { type LockBusyError, Locked, LockModule, type LockLogLine, LockService } from '../../lib/index.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let server: RedisServer;
const opened: Locks[] = [];

beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server.stop());
afterEach(() => Promise.all(opened.splice(0).map((locks) => locks.close())));

function open(owner: string, inspection: 'always' | 'off' = 'always'): Locks {
  const locks = locksOn(server, { owner, inspection });
  opened.push(locks);
  return locks;
}

const reports = ({ events }: Locks) => events.filter(({ name }) => name === 'wait-failed');

describe('given a caller that has waited in vain', () => {
  it('then one report says what the holder and the queue are, and equal ones are left out', async () => {
    const [holder, waiter] = [open('a:1'), open('b:2')];
    const lock = await holder.service.acquire('k');
    const staying = new AbortController();
    const stays = waiter.service.acquire('k', { wait: '60s', signal: staying.signal });
    const refused = await Promise.allSettled(
      [1, 2, 3].map(() => waiter.service.acquire('k', { wait: '1s' })),
    );
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await eventually(() => expect(reports(waiter)).toHaveLength(1));
    expect(reports(waiter)[0]).toMatchObject({
      key: 'k',
      owner: 'a:1',
      fence: lock.fence,
      holder: { answered: true },
      waiting: 1,
      processes: 1,
    });
    expect(reports(waiter)[0].held).toBeGreaterThan(900);
    staying.abort();
    await Promise.allSettled([stays]);
    await lock.release();
  });

  it('then short waits and single attempts are not reported', async () => {
    const [holder, waiter] = [open('a:1'), open('b:2')];
    const lock = await holder.service.acquire('k');
    expect(await waiter.service.tryAcquire('k')).toBeNull();
    await expect(waiter.service.acquire('k', { wait: 300 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await lock.release();
    const after = await holder.service.acquire('other');
    await expect(waiter.service.acquire('other', { wait: '1s' })).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await eventually(() => expect(reports(waiter).map(({ key }) => key)).toEqual(['other']));
    await after.release();
  });

  it('then with "off" no question is sent', async () => {
    const [holder, waiter, other] = [open('a:1'), open('b:2', 'off'), open('c:3')];
    const lock = await holder.service.acquire('k');
    const refused = [waiter, other].map(({ service }) => service.acquire('k', { wait: '1s' }));
    await Promise.allSettled(refused);
    await eventually(() => expect(reports(other)).toHaveLength(1));
    expect(reports(waiter)).toEqual([]);
    await lock.release();
  });
});

describe('given an application with a function as its log', () => {
  const going = deferred();

  @Injectable()
  class Orders {
    @Locked('order:{0}', { wait: '1s' })
    async pay(_id: string): Promise<void> {
      await going.promise;
    }
  }

  @Controller()
  class Status {
    @Get()
    status(): string {
      return 'ok';
    }
  }

  const lines: LockLogLine[] = [];

  @Module({
    imports: [
      LockModule.forRootAsync({
        useFactory: () => ({
          redis: server.url,
          owner: 'app:7',
          inspection: 'always' as const,
          log: (entry: LockLogLine) => void lines.push(entry),
        }),
      }),
    ],
    controllers: [Status],
    providers: [Orders],
  })
  class AppModule {}

  it('then the log line has the facts, and the error has what this process knows', async () => {
    const app: INestApplicationContext = await NestFactory.createApplicationContext(AppModule, {
      logger: false,
    });
    const orders = app.get(Orders);
    const first = orders.pay('42');
    await eventually(async () => expect(await app.get(LockService).inspect('order:42')).not.toBeNull());
    const error = await orders.pay('42').then(
      () => undefined,
      (reason: unknown) => reason as LockBusyError,
    );
    expect(error).toMatchObject({ code: 'LOCK_BUSY', label: 'Orders.pay', waiting: 0 });
    expect(error?.held).toBeGreaterThan(900);
    await eventually(() => expect(lines.some(({ event }) => event === 'wait-failed')).toBe(true));
    const entry = lines.find(({ event }) => event === 'wait-failed');
    expect(entry).toMatchObject({
      level: 'warn',
      key: 'order:42',
      label: 'Orders.pay',
      template: 'order:{0}',
      kind: 'exclusive',
      owner: 'app:7',
      holder: { label: 'Orders.pay', answered: true },
      waiting: 0,
      processes: 0,
      message: expect.stringMatching(
        /^Waited 1(\.\d)? s in vain for the lock "order:42": Orders\.pay on "app:7" has held it for \d(\.\d)? s; 0 callers wait in 0 processes\./,
      ) as unknown,
    });
    going.resolve();
    await first;
    await app.close();
  });
});
