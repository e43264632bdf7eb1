/** The entry `nestjs-locked/telemetry`: spans and metrics of locks, by the OpenTelemetry API. */
export { LockTelemetryModule } from './lock-telemetry.module.js';
export type { LockTelemetryOptions } from './telemetry.options.js';
