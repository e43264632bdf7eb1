/** `nestjs-locked/telemetry` with an SDK that throws: locks work as without telemetry. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { LockModule, LockService, memoryStore } from 'nestjs-locked';
import { LockTelemetryModule } from 'nestjs-locked/telemetry';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { type LockTracer, tracing } from '../../lib/core/events/tracer.js';
import { endAfterTest, endAll, start } from '../support/module-apps.js';
import { type SdkOptions, startTelemetrySdk, type TelemetrySdk } from '../support/telemetry-sdk.js';

let sdk: TelemetrySdk;
/** What throws: the method of the processor, and the first words of the name of the span. */
let fault: readonly [when: 'onStart' | 'onEnd', span: string] | undefined;
let warned: jest.SpiedFunction<typeof process.emitWarning>;

const throwing: SpanProcessor = {
  onStart: (span) => throwAt('onStart', (span as unknown as { name: string }).name),
  onEnd: (span) => throwAt('onEnd', span.name),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

function throwAt(when: string, name: string): void {
  if (when === fault?.[0] && name.startsWith(fault[1])) throw new Error(`boom ${when}`);
}

beforeEach(() => {
  fault = undefined;
  warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
});
afterEach(async () => {
  await endAll();
  await sdk.stop();
  jest.restoreAllMocks();
});

async function startLocks(options: SdkOptions): Promise<{ locks: LockService; controls: LockControls }> {
  sdk = startTelemetrySdk(options);
  const app = await start(LockTestingModule.forRoot(), LockTelemetryModule.forRoot());
  return { locks: app.get(LockService), controls: app.get(LockControls) };
}

/** Each call and each work has its own outcome, and nothing stays held. */
async function expectOrdinary(locks: LockService, controls: LockControls): Promise<void> {
  expect(await locks.using('k', () => 7)).toBe(7);
  await expect(locks.using('k', () => Promise.reject(new Error('of the work')))).rejects.toThrow(
    'of the work',
  );
  expect(await locks.using('k', () => locks.using(['k', 'l'], { reentry: 'join' }, () => 8))).toBe(8);
  const lock = await locks.acquire('k');
  await expect(locks.acquire('k', { wait: 0 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
  expect(await lock.release()).toBe(true);
  await expect(locks.using('k', () => controls.expire('k'))).rejects.toMatchObject({ code: 'LOCK_LOST' });
  for (const key of ['k', 'l']) expect(await (await locks.acquire(key, { wait: 0 })).release()).toBe(true);
}

describe.each([
  ['onStart', 'lock acquire'],
  ['onEnd', 'lock acquire'],
  ['onStart', 'lock hold'],
  ['onEnd', 'lock hold'],
] as const)('a span processor that throws in %s of the span "%s"', (...at) => {
  it('given locks, then each of them has its own outcome, and nothing stays held', async () => {
    const { locks, controls } = await startLocks({ processors: [throwing] });
    fault = at;
    await expectOrdinary(locks, controls);
    for (const name of ['active', 'oldest']) {
      const waits = await sdk.points(`nestjs_locked.wait.${name}`);
      expect(waits.map(({ value }) => value)).toEqual([0, 0]);
    }
    const points = await sdk.points('nestjs_locked.acquire.duration');
    const acquired = points.filter(({ attributes }) => attributes['error.type'] === undefined);
    const counts = acquired.map(({ value }) => (value as Histogram).count);
    // The eight locks that were acquired: the call that has joined takes one key.
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(8);
  });
});

describe('telemetry that fails', () => {
  it('given a view of metrics that throws, then locks work, and the process goes on', async () => {
    const fails = (): never => {
      throw new Error('boom view');
    };
    const { locks, controls } = await startLocks({
      views: [{ instrumentName: '*', attributesProcessors: [{ process: fails }] }],
    });
    await expectOrdinary(locks, controls);
    // An error in a listener of a diagnostics channel is thrown in the next tick.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('given several failures, then one warning tells of them', async () => {
    const { locks } = await startLocks({ processors: [throwing] });
    fault = ['onEnd', 'lock'];
    await locks.using('a', () => undefined);
    await locks.using('b', () => undefined);
    const texts = warned.mock.calls
      .map(([text]) => String(text))
      .filter((text) => text.includes('Telemetry'));
    expect(texts.length).toBeLessThanOrEqual(1); // An earlier test may have had it.
    for (const text of texts) expect(text).toMatch(/Telemetry of locks has failed: boom onEnd\. Locks work/);
  });

  it.each([
    ['before it takes the lock', () => Promise.reject(new Error('boom'))],
    [
      'after it has taken the lock',
      async (_keys: unknown, options: object, take: (each: object) => Promise<unknown>) => {
        await take(options);
        throw new Error('boom');
      },
    ],
    [
      'while it takes the lock',
      (_keys: unknown, options: object, take: (each: object) => Promise<unknown>) => {
        void take(options);
        throw new Error('boom');
      },
    ],
  ])('given the tracer of another copy that fails %s, then locks work', async (_name, acquiring) => {
    sdk = startTelemetrySdk();
    const app = await start(LockModule.forRoot({ store: memoryStore() }));
    const work = {
      run: (): never => {
        throw new Error('boom');
      },
      end: (): never => {
        throw new Error('boom');
      },
    };
    tracing.tracer = { acquiring, holding: () => work } as unknown as LockTracer;
    endAfterTest(() => (tracing.tracer = undefined));
    const locks = app.get(LockService);
    let runs = 0;
    expect(await locks.using('k', () => (runs += 1))).toBe(1);
    expect(await locks.using('k', () => locks.using(['k', 'l'], { reentry: 'join' }, () => 8))).toBe(8);
    await expect(
      locks.using('k', () => {
        throw new Error('of the work');
      }),
    ).rejects.toThrow('of the work');
    const lock = await locks.acquire('k', { wait: 0 });
    await expect(locks.acquire('k', { wait: 0 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    expect(await lock.release()).toBe(true);
  });
});
