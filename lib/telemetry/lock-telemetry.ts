/** What fills the hook of the core: it follows each acquisition, by a span and by metrics. */
import { context, INVALID_TRACEID, type Span, trace } from '@opentelemetry/api';
import {
  type LockTracer,
  runInside,
  safely,
  type TraceableLock,
  type TraceableOptions,
  type TracedWork,
} from '../core/events/tracer.js';
import { isLockError } from '../errors/index.js';
import { KeyTemplates } from './key-templates.js';
import { LockMetrics } from './lock-metrics.js';
import { LockSpans } from './lock-spans.js';
import { SeriesTable } from './series.js';
import type { ResolvedTelemetryOptions } from './telemetry.options.js';

export class LockTelemetry implements LockTracer {
  readonly #templates: KeyTemplates;
  readonly #table = new SeriesTable();
  readonly #spans: LockSpans | undefined;
  readonly #metrics: LockMetrics | undefined;
  readonly #holdSpans: boolean;
  /** How many callers of this process have requested a key and have no reply, by key. */
  readonly #requesting = new Map<string, number>();

  constructor({ traces, metrics, keys, holdSpans, keyTemplate }: ResolvedTelemetryOptions) {
    this.#templates = new KeyTemplates(keyTemplate);
    this.#spans = traces ? new LockSpans(keys) : undefined;
    this.#metrics = metrics ? LockMetrics.of(this.#templates, this.#table) : undefined;
    this.#holdSpans = holdSpans;
    this.#templates.start();
  }

  stop(): void {
    this.#templates.stop();
    this.#metrics?.stop();
  }

  async acquiring<Options extends TraceableOptions, L>(
    keys: readonly string[],
    options: Options,
    take: (options: Options) => Promise<L>,
  ): Promise<L> {
    const { access, module, origin, wait } = options;
    const template = this.#templates.of(keys, origin?.template);
    const series = this.#table.of(template, access.kind, module);
    const since = this.#metrics?.acquiring(series);
    const spans = origin?.untraced === true ? undefined : this.#spans;
    const span = safely(() => spans?.acquiring({ keys, template, series, label: origin?.label }));
    const call = {
      // Callers that come in one tick share a request. Only the first one does not wait for another caller.
      contended: access.kind === 'exclusive' && keys.some((key) => this.#requesting.has(key)),
      trace: safely(() => traceIdOf(span ?? trace.getActiveSpan())),
    };
    /** @param error the type of the error. Undefined if the lock was acquired. */
    const settled = (contended: boolean, error?: string): void => {
      if (since !== undefined) safely(() => this.#metrics?.settled(series, since, contended, error));
      if (span === undefined) return;
      const expected = error === 'LOCK_BUSY' && wait <= 0;
      safely(() => this.#spans?.settled(span, contended, error, expected));
    };
    this.#count(keys, 1);
    let lock: L;
    try {
      const traced = { ...options, call };
      lock = await (span === undefined
        ? take(traced)
        : runInside(
            (inside) => context.with(trace.setSpan(context.active(), span), inside),
            () => take(traced),
          ));
    } catch (error) {
      const type = typeOf(error);
      settled(call.contended || type === 'LOCK_BUSY', type);
      throw error;
    } finally {
      this.#count(keys, -1);
    }
    // Outside of the try: the lock is granted, and nothing after this may keep it from its caller.
    settled(call.contended);
    return lock;
  }

  holding({ access, module, origin }: TraceableOptions, lock: TraceableLock): TracedWork | undefined {
    if (!this.#holdSpans || this.#spans === undefined || lock.owned.length === 0) return undefined;
    if (origin?.untraced === true) return undefined;
    const template = this.#templates.of(lock.owned, origin?.template);
    const series = this.#table.of(template, access.kind, module);
    return this.#spans.holding({ keys: lock.owned, template, series, label: origin?.label }, lock);
  }

  #count(keys: readonly string[], by: 1 | -1): void {
    for (const key of keys) {
      const count = (this.#requesting.get(key) ?? 0) + by;
      if (count > 0) this.#requesting.set(key, count);
      else this.#requesting.delete(key);
    }
  }
}

function traceIdOf(span: Span | undefined): string | undefined {
  const id = span?.spanContext().traceId;
  return id === INVALID_TRACEID ? undefined : id;
}

/** The code of a lock error, else the name of the class. */
function typeOf(error: unknown): string {
  if (isLockError(error)) return error.code;
  return error instanceof Error ? error.name : '_OTHER';
}
