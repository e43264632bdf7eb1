// OpenTelemetry's instrumentation of ioredis. --require loads it before the application. At the end it prints the spans.
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');
const {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} = require('@opentelemetry/sdk-trace-base');

const exporter = new InMemorySpanExporter();
registerInstrumentations({
  tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  instrumentations: [new IORedisInstrumentation({ requireParentSpan: false })],
});
process.on('exit', () => {
  console.log(JSON.stringify(exporter.getFinishedSpans().map(({ name }) => name)));
});
