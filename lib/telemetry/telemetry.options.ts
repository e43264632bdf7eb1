/** The options of telemetry, and their checks. */
import { badOption, checkBoolean, checkNames, checkObject } from '../core/options/option-checks.js';

/** The options of `LockTelemetryModule.forRoot`. */
export interface LockTelemetryOptions {
  /** Makes the spans `lock acquire …` and `lock hold …`. @default true */
  traces?: boolean;
  /** Records the metrics. @default true */
  metrics?: boolean;
  /**
   * Adds the keys to the spans, as `nestjs_locked.keys`. Keys may have personal data in them. Metrics never have keys.
   * @default false
   */
  keys?: boolean;
  /** Makes the span `lock hold …` around the work of `@Locked` and `using`. @default true */
  holdSpans?: boolean;
  /**
   * Makes the template of each key, in place of the template of `@Locked` and of the shape of the key. A process uses at
   * most 100 of the results. Further results are shown as `_OTHER`.
   * @default the template of `@Locked` or `lockKey`, or the shape of the key
   */
  keyTemplate?: (key: string) => string;
}

export interface ResolvedTelemetryOptions {
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly keys: boolean;
  readonly holdSpans: boolean;
  readonly keyTemplate: ((key: string) => string) | undefined;
}

const KNOWN = new Set(['traces', 'metrics', 'keys', 'holdSpans', 'keyTemplate']);

/** @throws LockOptionsError for an unknown option or an invalid value. */
export function resolveTelemetryOptions(options: LockTelemetryOptions): ResolvedTelemetryOptions {
  checkObject('options', options);
  checkNames('', options, KNOWN);
  const { keyTemplate } = options;
  if (keyTemplate !== undefined && typeof keyTemplate !== 'function') {
    throw badOption('keyTemplate', keyTemplate, 'a function from a key to its template');
  }
  return {
    traces: flag('traces', options.traces, true),
    metrics: flag('metrics', options.metrics, true),
    keys: flag('keys', options.keys, false),
    holdSpans: flag('holdSpans', options.holdSpans, true),
    keyTemplate,
  };
}

function flag(name: string, value: unknown, byDefault: boolean): boolean {
  return value === undefined ? byDefault : checkBoolean(name, value);
}

export function sameOptions(a: ResolvedTelemetryOptions, b: ResolvedTelemetryOptions): boolean {
  return (Object.keys(a) as Array<keyof ResolvedTelemetryOptions>).every((name) => a[name] === b[name]);
}
