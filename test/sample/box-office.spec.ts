/** The ticket office by itself: unit tests as a user would write them, with `nestjs-locked/testing` and no server. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { type Duration, isLockError, LockService, lockKey } from 'nestjs-locked';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { BoxOffice } from '../../sample-app/src/events/box-office.service.js';
import { EventsRepository } from '../../sample-app/src/events/events.repository.js';
import { MemoryEventsRepository } from '../../sample-app/src/events/memory-events.repository.js';
import { SalesReport } from '../../sample-app/src/events/sales-report.job.js';
import { deferred } from '../support/deferred.js';

const KEY = lockKey`event:${'gala'}`;

let module: TestingModule;
let office: BoxOffice;
let events: EventsRepository;
let locks: LockService;
let controls: LockControls;

/** Opens the office. Sales wait long enough for each other, except in the test of a sale that does not get the lock. */
async function open(wait: Duration = '10s'): Promise<void> {
  module = await Test.createTestingModule({
    imports: [LockTestingModule.forRoot({ defaults: { wait } })],
    providers: [BoxOffice, SalesReport, { provide: EventsRepository, useClass: MemoryEventsRepository }],
  }).compile();
  [office, events] = [module.get(BoxOffice), module.get(EventsRepository)];
  [locks, controls] = [module.get(LockService), module.get(LockControls)];
  await locks.using(KEY, () => office.open('gala', 5));
  await controls.reset();
}

beforeEach(() => open());
afterEach(() => module.close());

describe('the box office', () => {
  it('given buyers that come at once, then each seat is sold once', async () => {
    const tickets = await Promise.all([1, 2, 3].map(() => office.sell('gala')));
    expect(tickets.map(({ seat }) => seat)).toEqual([1, 2, 3]);
    expect(controls.callsOf(KEY).map(({ outcome }) => outcome)).toEqual(['held', 'held', 'held']);
  });

  it('given no lock, then a seat is sold twice', async () => {
    const tickets = await Promise.all([1, 2].map(() => office.sellWithoutLock('gala')));
    expect(tickets.map(({ seat }) => seat)).toEqual([1, 1]);
  });

  it('given another machine that sells for too long, then nothing is sold', async () => {
    await module.close();
    await open('100ms');
    await controls.hold(KEY);
    const sale: unknown = await office.sell('gala').catch((thrown: unknown) => thrown);
    expect(isLockError(sale, 'LOCK_BUSY')).toBe(true);
    expect((await office.find('gala')).sold).toBe(0);
    await controls.release(KEY);
    expect((await office.sell('gala')).seat).toBe(1);
  });

  it('given locks that are down, then nothing is sold', async () => {
    controls.disconnect();
    await expect(office.sell('gala')).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect((await office.find('gala')).sold).toBe(0);
  });

  it('given a sale whose lock was lost and that was overtaken, then its write is refused', async () => {
    const [found, go] = [deferred(), deferred()];
    const find = events.find.bind(events);
    // The first sale is paused between its reading and its writing.
    events.find = async (id) => {
      events.find = find;
      const event = await find(id);
      found.resolve();
      await go.promise;
      return event;
    };
    const late = office.sell('gala');
    const settled = expect(late).rejects.toMatchObject({ code: 'LOCK_LOST', cause: { status: 503 } });
    await found.promise;
    await controls.expire(KEY);
    expect((await office.sell('gala')).seat).toBe(1);
    go.resolve();
    await settled;
    expect(await office.find('gala')).toMatchObject({ lastSeat: 1, sold: 1 });
  });
});

describe('the sales report', () => {
  it('given one report, then the next one is skipped for a while', async () => {
    const report = module.get(SalesReport);
    expect(await report.report()).toBe(1);
    expect(await report.report()).toBeUndefined();
    expect(controls.callsOf('sales-report').map(({ outcome }) => outcome)).toEqual(['held', 'busy']);
  });

  it('given another machine that makes it, then it is skipped', async () => {
    await controls.hold('sales-report');
    expect(await module.get(SalesReport).report()).toBeUndefined();
  });
});
