/** The SDK of OpenTelemetry with exporters in memory, as the SDK of the process. */
import { context, metrics, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  type MeterProviderOptions,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { Redis } from 'ioredis';
import { RENEW } from '../../lib/stores/redis/scripts/scripts.js';

export type Point = DataPoint<number> | DataPoint<Histogram>;

export interface TelemetrySdk {
  /** The spans that have ended. */
  readonly spans: ReadableSpan[];
  span(name: string): ReadableSpan;
  /** The spans that have ended as paths of names, each from its root: `GET > lock acquire a`. */
  tree(): string[];
  /** The present data of a metric. Undefined if it has none. */
  metric(name: string): Promise<MetricData | undefined>;
  /** The present data points of a metric. */
  points(name: string): Promise<Point[]>;
  /** The present value of the only data point of a gauge or a counter. */
  value(name: string): Promise<number>;
  stop(): Promise<void>;
}

export interface SdkOptions {
  /** Further processors of spans, which may throw. */
  readonly processors?: readonly SpanProcessor[];
  readonly views?: MeterProviderOptions['views'];
}

export function startTelemetrySdk({ processors = [], views }: SdkOptions = {}): TelemetrySdk {
  const exporter = new InMemorySpanExporter();
  const tracers = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter), ...processors],
  });
  const collected = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // The interval is longer than any test: each question collects.
  const reader = new PeriodicExportingMetricReader({ exporter: collected, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader], views });
  const contexts = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(contexts);
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);
  const sdk: TelemetrySdk = {
    get spans() {
      return exporter.getFinishedSpans();
    },
    span(name) {
      const found = sdk.spans.filter((span) => span.name === name);
      if (found.length !== 1) throw new Error(`${found.length} spans "${name}" of ${sdk.tree().join('; ')}`);
      return found[0];
    },
    tree: () => sdk.spans.map((span) => pathOf(span, sdk.spans)).sort(),
    async metric(name) {
      const { resourceMetrics } = await reader.collect();
      return resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .find(({ descriptor }) => descriptor.name === name);
    },
    points: async (name) => [...((await sdk.metric(name))?.dataPoints ?? [])] as Point[],
    async value(name) {
      const points = await sdk.points(name);
      if (points.length !== 1) throw new Error(`${name} has ${points.length} data points`);
      return points[0].value as number;
    },
    async stop() {
      trace.disable();
      metrics.disable();
      context.disable();
      await Promise.all([tracers.shutdown(), meters.shutdown()]);
    },
  };
  return sdk;
}

function pathOf(span: ReadableSpan, all: readonly ReadableSpan[]): string {
  const id = span.parentSpanContext?.spanId;
  const parent = all.find((each) => each.spanContext().spanId === id);
  if (parent !== undefined) return `${pathOf(parent, all)} > ${span.name}`;
  return id === undefined ? span.name : `? > ${span.name}`;
}

/**
 * Makes a span of each script that the client and its duplicates send, as the instrumentation of ioredis does. The spans
 * of renewals are named so.
 */
export function traceCommands(client: Redis): Redis {
  const { call, duplicate } = client;
  const tracer = trace.getTracer('commands');
  const traced = (command: string, ...args: string[]): Promise<unknown> => {
    const name = args[0] === RENEW.source ? 'renewal' : command;
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT });
    const result: Promise<unknown> = call.call(client, command, ...args);
    const end = (): void => span.end();
    result.then(end, end);
    return result;
  };
  client.call = traced as typeof client.call;
  client.duplicate = (...args) => traceCommands(duplicate.apply(client, args));
  return client;
}
