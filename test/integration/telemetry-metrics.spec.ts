/** `nestjs-locked/telemetry`: the metrics of locks, and the bound on their series. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { DataPointType, type Histogram, type MetricData } from '@opentelemetry/sdk-metrics';
import { Locked, lockKey, LockModule, LockService, memoryStore, getLockServiceToken } from 'nestjs-locked';
import { type LockTelemetryOptions, LockTelemetryModule } from 'nestjs-locked/telemetry';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { deferred } from '../support/deferred.js';
import { endAll, start } from '../support/module-apps.js';
import { startTelemetrySdk, type TelemetrySdk } from '../support/telemetry-sdk.js';

let sdk: TelemetrySdk;
beforeEach(() => void (sdk = startTelemetrySdk()));
afterEach(async () => {
  jest.restoreAllMocks();
  await endAll();
  await sdk.stop();
});

const TEMPLATE = 'nestjs_locked.key.template';
const KIND = 'nestjs_locked.lock.kind';
const CONTENDED = 'nestjs_locked.contended';

@Injectable()
class Orders {
  @Locked('order:{0}', { mode: 'shared' })
  async read(_id: string): Promise<void> {}
}
class OrdersModule {}

async function startLocks(options?: LockTelemetryOptions): Promise<{
  locks: LockService;
  controls: LockControls;
  orders: Orders;
}> {
  const app = await start(LockTestingModule.forRoot(), LockTelemetryModule.forRoot(options), {
    module: OrdersModule,
    providers: [Orders],
  });
  return {
    locks: app.get(LockService),
    controls: app.get(LockControls),
    orders: app.get(Orders, { strict: false }),
  };
}

/** The templates of the series of a metric. */
async function templatesOf(name: string): Promise<unknown[]> {
  return (await sdk.points(name)).map(({ attributes }) => attributes[TEMPLATE]).sort();
}

describe('the metrics of locks', () => {
  it('given a lock, then each instrument has the type, the unit and the buckets of the documentation', async () => {
    const { locks, controls } = await startLocks();
    await locks.using('a', () => undefined);
    await expect(locks.using('a', () => controls.expire('a'))).rejects.toThrow();
    controls.disconnect();
    await expect(locks.acquire('a')).rejects.toThrow();
    const facts = async (name: string): Promise<unknown> => {
      const data = (await sdk.metric(`nestjs_locked.${name}`)) as MetricData;
      const kind =
        data.dataPointType === DataPointType.SUM && !data.isMonotonic ? 'up-down' : data.dataPointType;
      return [kind, data.descriptor.unit];
    };
    expect(await facts('acquire.duration')).toEqual([DataPointType.HISTOGRAM, 's']);
    expect(await facts('hold.duration')).toEqual([DataPointType.HISTOGRAM, 's']);
    expect(await facts('hold.active')).toEqual(['up-down', '{lock}']);
    expect(await facts('wait.active')).toEqual(['up-down', '{caller}']);
    expect(await facts('hold.oldest')).toEqual([DataPointType.GAUGE, 's']);
    expect(await facts('wait.oldest')).toEqual([DataPointType.GAUGE, 's']);
    expect(await facts('losses')).toEqual([DataPointType.SUM, '{loss}']);
    expect(await facts('store.errors')).toEqual([DataPointType.SUM, '{error}']);
    const [{ value }] = await sdk.points('nestjs_locked.acquire.duration');
    expect((value as Histogram).buckets.boundaries).toEqual([
      0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300,
    ]);
  });

  it('given free, contended and busy calls, then their series differ', async () => {
    const { locks } = await startLocks();
    const first = await locks.acquire('a');
    const second = locks.acquire('a');
    await expect(locks.acquire('a', { wait: 10 })).rejects.toThrow();
    expect(await locks.tryAcquire('a')).toBeNull();
    await first.release();
    await (await second).release();
    const points = await sdk.points('nestjs_locked.acquire.duration');
    const series = points.map(({ attributes, value }) => [
      attributes[CONTENDED],
      attributes['error.type'],
      (value as Histogram).count,
    ]);
    expect(series).toEqual(
      expect.arrayContaining([
        [false, undefined, 1],
        [true, undefined, 1],
        [true, 'LOCK_BUSY', 2],
      ]),
    );
    expect(series).toHaveLength(3);
    const [held] = await sdk.points('nestjs_locked.hold.duration');
    expect(held).toMatchObject({ attributes: { [TEMPLATE]: 'a', [KIND]: 'exclusive' }, value: { count: 2 } });
  });

  it('given callers of one tick, then all but the first are contended', async () => {
    const { locks } = await startLocks();
    await Promise.all([1, 2, 3].map(() => locks.using('a', () => undefined)));
    const points = await sdk.points('nestjs_locked.acquire.duration');
    expect(
      points.map(({ attributes, value }) => [attributes[CONTENDED], (value as Histogram).count]).sort(),
    ).toEqual([
      [false, 1],
      [true, 2],
    ]);
  });

  it('given a hold and waits, then the gauges show them while they last, and 0 afterwards', async () => {
    const { locks } = await startLocks();
    const entered = deferred();
    const barrier = deferred();
    const holder = locks.using('a', async () => {
      entered.resolve();
      await barrier.promise;
    });
    await entered.promise;
    const waiters = [1, 2].map(() => locks.using('a', () => undefined));
    const gauges = async (): Promise<number[]> =>
      Promise.all(['hold.active', 'wait.active'].map((name) => sdk.value(`nestjs_locked.${name}`)));
    expect(await gauges()).toEqual([1, 2]);
    const age = await sdk.value('nestjs_locked.hold.oldest');
    expect(age).toBeGreaterThan(0);
    expect(await sdk.value('nestjs_locked.hold.oldest')).toBeGreaterThan(age);
    expect(await sdk.value('nestjs_locked.wait.oldest')).toBeGreaterThan(0);
    barrier.resolve();
    await Promise.all([holder, ...waiters]);
    expect(await gauges()).toEqual([0, 0]);
    expect(await sdk.value('nestjs_locked.hold.oldest')).toBe(0);
    expect(await sdk.value('nestjs_locked.wait.oldest')).toBe(0);
  });

  it('given a lost lock and its late release, then one hold with LOCK_LOST and one loss are counted', async () => {
    const { locks, controls } = await startLocks();
    const lock = await locks.acquire('import');
    await controls.expire('import');
    await lock.release();
    const [loss] = await sdk.points('nestjs_locked.losses');
    expect(loss).toMatchObject({
      value: 1,
      attributes: { [TEMPLATE]: 'import', 'nestjs_locked.loss.reason': 'not-owner' },
    });
    const holds = await sdk.points('nestjs_locked.hold.duration');
    expect(holds).toHaveLength(1);
    expect(holds[0]).toMatchObject({ value: { count: 1 }, attributes: { 'error.type': 'LOCK_LOST' } });
    expect(await sdk.value('nestjs_locked.hold.active')).toBe(0);
  });

  it('given a store that fails, then the failures are counted', async () => {
    const { locks, controls } = await startLocks();
    controls.disconnect();
    await expect(locks.acquire('a', { wait: 0 })).rejects.toMatchObject({ code: 'LOCK_STORE' });
    expect(await sdk.value('nestjs_locked.store.errors')).toBeGreaterThan(0);
    const [point] = await sdk.points('nestjs_locked.acquire.duration');
    expect(point.attributes['error.type']).toBe('LOCK_STORE');
  });

  it('given 10,000 keys of one template, then there is one series', async () => {
    const { orders } = await startLocks();
    for (let id = 0; id < 10_000; id++) await orders.read(`customer-${id}`);
    const points = await sdk.points('nestjs_locked.acquire.duration');
    expect(points).toHaveLength(1);
    expect(points[0]).toMatchObject({
      attributes: { [TEMPLATE]: 'order:{0}', [KIND]: 'shared' },
      value: { count: 10_000 },
    });
    expect(await sdk.points('nestjs_locked.hold.active')).toHaveLength(1);
  });

  it('given 10,000 plain keys without digits, then there are 101 series of each metric', async () => {
    const { locks } = await startLocks();
    for (let id = 0; id < 10_000; id++) await locks.using(lettersOf(id), { wait: 0 }, () => undefined);
    for (const name of ['acquire.duration', 'hold.duration', 'hold.active', 'wait.oldest']) {
      const templates = await templatesOf(`nestjs_locked.${name}`);
      expect(templates).toHaveLength(101);
      expect(templates).toContain('_OTHER');
    }
  });

  it.each([
    ['order:42', 'order:*'],
    ['user/anna/7f3', 'user/anna/*'],
    ['import:a-very-long-name-of-a-thing', 'import:*'],
    ['import', 'import'],
  ])('given the plain key %s, then its template is %s', async (key, template) => {
    const { locks } = await startLocks();
    await locks.using(key, () => undefined);
    expect(await templatesOf('nestjs_locked.hold.duration')).toEqual([template]);
  });

  it('given a key of lockKey, then its text is the template although the value has no digit', async () => {
    const { locks } = await startLocks();
    await locks.using(lockKey`user:${'anna'}:mail`, () => undefined);
    expect(await templatesOf('nestjs_locked.acquire.duration')).toEqual(['user:*:mail']);
    expect(await templatesOf('nestjs_locked.hold.duration')).toEqual(['user:*:mail']);
  });

  it('given keyTemplate, then it makes every template, and its results have the same bound', async () => {
    const { locks, orders } = await startLocks({ keyTemplate: (key) => key.toUpperCase() });
    await orders.read('a');
    for (let id = 0; id < 200; id++) await locks.using(lettersOf(id), () => undefined);
    const templates = await templatesOf('nestjs_locked.acquire.duration');
    expect(templates).toContain('ORDER:A');
    expect(templates).toContain('_OTHER');
    expect(new Set(templates).size).toBe(101);
  });

  it('given a keyTemplate that throws, then the lock works, and one warning says so', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { locks } = await startLocks({
      keyTemplate: () => {
        throw new Error('oh');
      },
    });
    for (const key of ['a', 'b']) await locks.using(key, () => undefined);
    expect(await templatesOf('nestjs_locked.acquire.duration')).toEqual(['_OTHER']);
    expect(warned).toHaveBeenCalledTimes(1);
    expect(String(warned.mock.calls[0][0])).toMatch(/"keyTemplate" of LockTelemetryModule has thrown: oh/);
  });

  it('given a keyTemplate that returns a promise that rejects, then the process goes on', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const keyTemplate = (() => Promise.reject(new Error('oh'))) as unknown as (key: string) => string;
      const { locks } = await startLocks({ keyTemplate });
      await locks.using('a', () => undefined);
      // Rejections that nobody handles are told before the next immediate.
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
      expect(await templatesOf('nestjs_locked.acquire.duration')).toEqual(['_OTHER']);
      expect(String(warned.mock.calls[0][0])).toMatch(/"keyTemplate".*a value of the type object/);
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });

  it('given a named module, then its series have its name', async () => {
    const app = await start(
      LockModule.forRoot({ store: memoryStore() }),
      LockModule.forRoot({ name: 'billing', store: memoryStore() }),
      LockTelemetryModule.forRoot(),
    );
    await app.get(LockService).using('a', () => undefined);
    await app.get<LockService>(getLockServiceToken('billing')).using('a', () => undefined);
    const names = (await sdk.points('nestjs_locked.hold.duration')).map(
      ({ attributes }) => attributes['nestjs_locked.module.name'],
    );
    expect(names).toEqual([undefined, 'billing']);
  });

  it('given metrics: false, then there are none', async () => {
    const { locks } = await startLocks({ metrics: false });
    await locks.using('a', () => undefined);
    expect(await sdk.points('nestjs_locked.acquire.duration')).toEqual([]);
  });
});

describe('LockTelemetryModule', () => {
  it('given no SDK, then locks work', async () => {
    await sdk.stop();
    const { locks } = await startLocks();
    expect(await locks.using('a', () => 'done')).toBe('done');
  });

  it.each([
    [{ trace: true }, /Did you mean "traces"/],
    [{ metrics: 'yes' }, /"metrics" is 'yes'/],
    [{ keyTemplate: 'order' }, /"keyTemplate" is 'order'; it must be a function/],
  ])('given the options %j, then forRoot throws and says what to do', (options, message) => {
    expect(() => LockTelemetryModule.forRoot(options as LockTelemetryOptions)).toThrow(message);
  });

  it('given no forRoot, then the application does not start', async () => {
    await expect(start(LockModule.forRoot({ store: memoryStore() }), LockTelemetryModule)).rejects.toThrow(
      /LockTelemetryModule\.forRoot\(\)/,
    );
  });

  it('given two applications with the same options, then each lock is counted once, until both have ended', async () => {
    const apps = [1, 2].map(() =>
      start(LockModule.forRoot({ store: memoryStore() }), LockTelemetryModule.forRoot()),
    );
    const [first, second] = await Promise.all(apps);
    const locks = second.get(LockService);
    await locks.using('a', () => undefined);
    await first.close();
    await locks.using('a', () => undefined);
    const [{ value }] = await sdk.points('nestjs_locked.acquire.duration');
    expect((value as Histogram).count).toBe(2);
  });

  it('given two applications with different options, then the second does not start', async () => {
    await startLocks();
    await expect(startLocks({ keys: true })).rejects.toThrow(/different options/);
  });
});

/** A key without digits for each number. */
function lettersOf(id: number): string {
  return [...String(id)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
}
