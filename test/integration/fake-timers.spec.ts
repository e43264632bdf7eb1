/** Locks of the test kit under fake timers. Fake timers do not move the locks, unless the test chooses so. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  getLockStoreToken,
  Locked,
  LockModule,
  LockOptionsError,
  LockService,
  memoryStore,
} from 'nestjs-locked';
import {
  LockControls,
  LockTestingModule,
  memoryLocks,
  provideLocks,
  realClock,
  timersClock,
} from 'nestjs-locked/testing';
import type { Clock } from 'nestjs-locked/store';
import { startChild } from '../support/child-process.js';
import { deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import type { FakesHandlers } from '../support/workers/fakes.worker.js';

@Injectable()
class Stock {
  readonly begun = deferred();
  readonly may = deferred();

  constructor(@Inject(LockService) readonly locks: LockService) {}

  @Locked('stock')
  async take(): Promise<boolean> {
    this.begun.resolve();
    await this.may.promise;
    return this.locks.current().held;
  }
}

@Module({ imports: [LockModule.forRoot({ redis: 'redis://nowhere.invalid:6379' })], providers: [Stock] })
class AppModule {}

const open: TestingModule[] = [];
const started = async (building: Promise<TestingModule>): Promise<Stock> => {
  const module = await building;
  open.push(module);
  await module.init();
  return module.get(Stock);
};

/** The ways to get a class with locks in a test. */
const WAYS: Array<[name: string, make: (clock?: Clock) => Promise<Stock>]> = [
  [
    'LockTestingModule',
    (clock) =>
      started(
        Test.createTestingModule({
          imports: [LockTestingModule.forRoot({ clock })],
          providers: [Stock],
        }).compile(),
      ),
  ],
  [
    'LockTestingModule with controls',
    (clock) =>
      started(
        Test.createTestingModule({
          imports: [LockTestingModule.forRoot({ controls: new LockControls({ clock }) })],
          providers: [Stock],
        }).compile(),
      ),
  ],
  [
    'provideLocks',
    (clock) => {
      const locks = memoryLocks({ clock });
      return Promise.resolve(provideLocks(new Stock(locks), locks));
    },
  ],
  [
    'the store of controls in the place of the application’s',
    (clock) =>
      started(
        Test.createTestingModule({ imports: [AppModule] })
          .overrideProvider(getLockStoreToken())
          .useValue(new LockControls({ clock }).store)
          .compile(),
      ),
  ],
];

afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((module) => module.close()));
});

describe.each(WAYS)('a class with locks by %s', (_name, make) => {
  it('given fake timers that jump by 46 s and an hour, then the lock stays held', async () => {
    jest.useFakeTimers();
    const stock = await make();
    const taking = stock.take();
    await stock.begun.promise;
    jest.advanceTimersByTime(46_000);
    jest.setSystemTime(Date.now() + 3_600_000);
    await Promise.resolve();
    stock.may.resolve();
    expect(await taking).toBe(true);
  });

  it('given fake timers that are installed and removed during the work, then the lock stays held', async () => {
    const stock = await make();
    const taking = stock.take();
    await stock.begun.promise;
    jest.useFakeTimers({ now: 0 });
    jest.advanceTimersByTime(46_000);
    jest.useRealTimers();
    stock.may.resolve();
    expect(await taking).toBe(true);
  });

  it('given a clock of the test, then leases and waits follow it', async () => {
    const clock = new FakeClock();
    const stock = await make(clock);
    const taking = stock.take();
    await stock.begun.promise;
    const late = expect(stock.locks.acquire('stock', { wait: '8s' })).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await clock.advance(8_000);
    await late;
    const unrenewed = await stock.locks.acquire('other', { ttl: '20s', renew: false });
    await clock.advance(46_000);
    expect(unrenewed.held).toBe(false);
    stock.may.resolve();
    expect(await taking).toBe(true);
  });

  it('given timersClock and timers that are advanced asynchronously, then leases and waits follow the fake timers', async () => {
    jest.useFakeTimers();
    const stock = await make(timersClock);
    const taking = stock.take();
    await stock.begun.promise;
    const late = expect(stock.locks.acquire('stock', { wait: '8s' })).rejects.toMatchObject({
      code: 'LOCK_BUSY',
    });
    await jest.advanceTimersByTimeAsync(8_000);
    await late;
    await jest.advanceTimersByTimeAsync(46_000);
    stock.may.resolve();
    expect(await taking).toBe(true);
  });
});

describe('the test kit under fake timers', () => {
  beforeEach(() => void jest.useFakeTimers());

  it('given hand-offs, a loss and a store that is away, then each works as in real time', async () => {
    const controls = new LockControls();
    const locks = memoryLocks(controls);
    const first = await locks.acquire('k');
    const second = locks.acquire('k');
    await first.release();
    const held = await second;
    await controls.expire('k');
    expect(held.held).toBe(false);
    await controls.hold('k');
    const third = locks.acquire('k');
    await controls.release('k');
    await (await third).release();
    controls.disconnect();
    await expect(locks.acquire('k')).rejects.toMatchObject({ code: 'LOCK_STORE' });
  });

  it('given a lease without renewal and a bounded wait, then both end in real time', async () => {
    const locks = memoryLocks();
    const lock = await locks.acquire('k', { ttl: 60, renew: false });
    await new Promise((resolve) => lock.signal.addEventListener('abort', resolve));
    expect(lock.held).toBe(false);
    const held = await locks.acquire('k');
    await expect(locks.acquire('k', { wait: 50 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await held.release();
  });
});

describe('the clocks of the test kit', () => {
  it('given memoryStore({ clock }), then the leases of a module on it follow that clock', async () => {
    const clock = new FakeClock();
    const module = await Test.createTestingModule({
      imports: [LockModule.forRoot({ store: memoryStore({ clock }) })],
    }).compile();
    open.push(module);
    const locks = module.get(LockService);
    const lock = await locks.acquire('k');
    const short = await locks.acquire('s', { renew: false });
    expect(lock.expiresAt.getTime()).toBe(clock.wall() + 30_000);
    await clock.advance(46_000);
    expect([lock.held, short.held]).toEqual([true, false]);
    await lock.release();
  });

  it('given a clock beside controls that have their own, then LockTestingModule refuses both together', () => {
    const both = { clock: new FakeClock(), controls: new LockControls() };
    expect(() => LockTestingModule.forRoot(both)).toThrow(LockOptionsError);
  });

  it("given realClock, then it shows the machine's time finely, and calls back once unless it is cancelled", async () => {
    const { monotonic, wall } = realClock;
    expect(Math.abs(wall() - Date.now())).toBeLessThan(1_000);
    const before = monotonic();
    const calls: number[] = [];
    realClock.schedule(() => calls.push(1), 10).cancel();
    realClock.schedule(() => calls.push(2), 10);
    await new Promise<void>((resolve) => realClock.schedule(() => resolve(), 30));
    await new Promise<void>((resolve) => realClock.schedule(() => resolve(), 30));
    expect(calls).toEqual([2]);
    expect(monotonic() - before).toBeGreaterThanOrEqual(58);
    expect(new Set(Array.from({ length: 50 }, () => monotonic())).size).toBeGreaterThan(5);
  });
});

describe('fake timers that are installed before the test kit is imported', () => {
  it.each(['sinon', 'node'] as const)(
    'given the fake timers of %s, then they do not move the locks',
    async (fakes) => {
      const child = await startChild<FakesHandlers>(
        new URL('../support/workers/fakes.worker.ts', import.meta.url),
      );
      try {
        expect(await child.call(fakes)).toEqual({
          heldAfterJump: true,
          endsByItself: true,
          handOff: true,
        });
      } finally {
        await child.stop();
      }
    },
    60_000,
  );
});
