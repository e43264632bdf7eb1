/** The spans `lock acquire …` and `lock hold …`. */
import {
  type Attributes,
  context,
  INVALID_TRACEID,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { TraceableLock, TracedWork } from '../core/events/tracer.js';
import type { Series } from './series.js';
import { ATTRIBUTES as A, SCOPE } from './telemetry.names.js';

/** What a span says about its lock. */
export interface SpanSubject {
  readonly keys: readonly string[];
  readonly template: string;
  readonly series: Series;
  /** The label of the decorated method. */
  readonly label: string | undefined;
}

export class LockSpans {
  readonly #tracer = trace.getTracer(SCOPE);
  readonly #keys: boolean;

  /** @param keys whether the spans have the keys. */
  constructor(keys: boolean) {
    this.#keys = keys;
  }

  /** @returns undefined if there is neither an SDK nor a trace. */
  acquiring(subject: SpanSubject): Span | undefined {
    return this.#start('lock acquire', subject);
  }

  /**
   * @param error the type of the error. Undefined if the lock was acquired.
   * @param expected a caller that does not wait expects a busy key. The span is then no error.
   */
  settled(span: Span, contended: boolean, error: string | undefined, expected: boolean): void {
    span.setAttribute(
      A.outcome,
      error === undefined ? 'acquired' : error === 'LOCK_BUSY' ? 'busy' : 'failed',
    );
    span.setAttribute(A.contended, contended);
    if (error !== undefined && !expected) fail(span, error);
    span.end();
  }

  holding(subject: SpanSubject, lock: TraceableLock): TracedWork | undefined {
    const span = this.#start('lock hold', subject);
    if (span === undefined) return undefined;
    const [fence, ...others] = new Set(lock.fences.values());
    if (fence !== undefined && others.length === 0) span.setAttribute(A.fence, fence);
    const inside = trace.setSpan(context.active(), span);
    return {
      run: (work) => context.with(inside, work),
      end: (lost) => {
        if (lost !== undefined) {
          fail(span, 'LOCK_LOST');
          span.setAttribute(A.lossReason, String((lost as { reason?: unknown }).reason));
        }
        span.end();
      },
    };
  }

  #start(what: string, { keys, template, series, label }: SpanSubject): Span | undefined {
    const shared = series.ofMethod(label);
    const attributes: Attributes = this.#keys ? { ...shared, [A.keys]: [...keys] } : shared;
    const span = this.#tracer.startSpan(`${what} ${template}`, { attributes });
    return span.spanContext().traceId === INVALID_TRACEID ? undefined : span;
  }
}

/** The status has no message, and the error is not recorded: both would have the key in them. */
function fail(span: Span, type: string): void {
  span.setAttribute(A.errorType, type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
