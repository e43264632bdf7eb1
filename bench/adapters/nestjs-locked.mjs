// The service of a Nest application, as built: on a client that it is given, and on one that the module opens. Shared locks
// and semaphores are on a client that it is given. An older build must run too, so only the public API is used.
import { readFileSync } from 'node:fs';
import { connect } from './clients.mjs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/**
 * @param redisFor what the module gets as `redis`, and how to end it
 * @param optionsOf the options of an acquire request in a scenario
 */
const ours = (name, base, note, redisFor, kind = 'exclusive', optionsOf = () => undefined) => ({
  name,
  variant: kind === 'exclusive' && name !== 'nestjs-locked',
  kind,
  version,
  base,
  note,
  build: 'this',
  async create({ port, ttl, patience, limit, entry, imports = [] }) {
    // A run without it needs no build.
    await import('reflect-metadata');
    const { NestFactory } = await import('@nestjs/core');
    const { LockModule, LockService } = await import(entry);
    const { redis, end } = await redisFor(port);
    const defaults = { ttl, wait: patience };
    const root = { module: class App {}, imports: [LockModule.forRoot({ redis, defaults }), ...imports] };
    const app = await NestFactory.createApplicationContext(root, { logger: ['error', 'warn'] });
    const locks = app.get(LockService);
    const options = optionsOf({ limit });
    return {
      async acquire(key) {
        const lock = await locks.acquire(key, options);
        return () => lock.release();
      },
      async close() {
        await app.close();
        await end();
      },
    };
  },
});

/** As `nestjs-locked`, with the module of telemetry. @param sdk registers the SDK, or nothing */
const withTelemetry = (name, note, sdk) => ({
  ...ours(name, 'nestjs-locked', note, given({})),
  variant: true,
  build: undefined,
  async create(settings) {
    const shutdown = await sdk();
    const entry = settings.entry.replace(/index\.js$/, 'telemetry/index.js');
    const { LockTelemetryModule } = await import(entry);
    const imports = [LockTelemetryModule.forRoot()];
    const lock = await ours(name, 'nestjs-locked', note, given({})).create({ ...settings, imports });
    return {
      ...lock,
      async close() {
        await lock.close();
        await shutdown();
      },
    };
  },
});

const noSdk = async () => async () => undefined;

/** Spans are batched and metrics are read each second, as in production. They are exported to nowhere. */
async function anSdk() {
  const { context, metrics, trace } = await import('@opentelemetry/api');
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const { MeterProvider, PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  const done = (_, callback) => callback({ code: 0 });
  const nowhere = { export: done, forceFlush: async () => undefined, shutdown: async () => undefined };
  const traces = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(nowhere)] });
  const reader = new PeriodicExportingMetricReader({
    exporter: nowhere,
    exportIntervalMillis: 1_000,
    exportTimeoutMillis: 1_000,
  });
  const meters = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(traces);
  metrics.setGlobalMeterProvider(meters);
  return () => Promise.all([traces.shutdown(), meters.shutdown()]);
}

const given = (options) => async (port) => {
  const redis = await connect(port, options);
  return { redis, end: () => redis.quit() };
};
const opened = async (port) => ({ redis: `redis://127.0.0.1:${port}`, end: async () => undefined });

export default [
  ours('nestjs-locked', 'raw', "on the application's client", given({})),
  ours(
    'nestjs-locked, auto-pipelining',
    'raw, auto-pipelining',
    "on the application's client with enableAutoPipelining",
    given({ enableAutoPipelining: true }),
  ),
  ours('nestjs-locked, own client', 'raw, one write a tick', 'on a client that the module opens', opened),
  withTelemetry('nestjs-locked, telemetry', 'LockTelemetryModule, without an SDK', noSdk),
  withTelemetry(
    'nestjs-locked, telemetry, SDK',
    'LockTelemetryModule, with an SDK for spans and metrics',
    anSdk,
  ),
  ours('nestjs-locked, shared', 'nestjs-locked', "mode: 'shared'", given({}), 'shared', () => ({
    mode: 'shared',
  })),
  ours(
    'nestjs-locked, semaphore',
    'redis-semaphore, Semaphore',
    "limit: the scenario's",
    given({}),
    'semaphore',
    ({ limit }) => ({ limit }),
  ),
];
