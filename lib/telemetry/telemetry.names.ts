/** The names of instruments and attributes. Dashboards and alerts depend on them: see docs/telemetry.md. */

/** The scope of the tracer and of the meter. */
export const SCOPE = 'nestjs-locked';

export const METRICS = {
  acquireDuration: 'nestjs_locked.acquire.duration',
  holdDuration: 'nestjs_locked.hold.duration',
  holdActive: 'nestjs_locked.hold.active',
  holdOldest: 'nestjs_locked.hold.oldest',
  waitActive: 'nestjs_locked.wait.active',
  waitOldest: 'nestjs_locked.wait.oldest',
  losses: 'nestjs_locked.losses',
  storeErrors: 'nestjs_locked.store.errors',
} as const;

export const ATTRIBUTES = {
  template: 'nestjs_locked.key.template',
  kind: 'nestjs_locked.lock.kind',
  module: 'nestjs_locked.module.name',
  contended: 'nestjs_locked.contended',
  outcome: 'nestjs_locked.outcome',
  lossReason: 'nestjs_locked.loss.reason',
  fence: 'nestjs_locked.fence',
  keys: 'nestjs_locked.keys',
  /** By the conventions of OpenTelemetry. */
  errorType: 'error.type',
  /** By the conventions of OpenTelemetry. */
  functionName: 'code.function.name',
} as const;

/** The bounds of the histograms, in seconds. */
export const BUCKETS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/** The template of keys beyond the limit of shapes. */
export const OTHER = '_OTHER';
