/** The spans `lock acquire …` and `lock hold …`. */
import { type Attributes, context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { TraceableLock, TraceableOptions, TracedWork } from '../core/events/tracer.js';
import { ATTRIBUTES as A, SCOPE } from './telemetry.names.js';

export class LockSpans {
  readonly #tracer = trace.getTracer(SCOPE);
  readonly #keys: boolean;

  /** @param keys whether the spans have the keys. */
  constructor(keys: boolean) {
    this.#keys = keys;
  }

  acquiring(keys: readonly string[], template: string, options: TraceableOptions): Span {
    return this.#tracer.startSpan(`lock acquire ${template}`, {
      attributes: this.#attributes(keys, template, options),
    });
  }

  acquired(span: Span, contended: boolean): void {
    span.setAttributes({ [A.outcome]: 'acquired', [A.contended]: contended });
    span.end();
  }

  /** A caller that does not wait expects a busy key. The span is then no error. */
  refused(span: Span, type: string, contended: boolean, expected: boolean): void {
    span.setAttributes({
      [A.outcome]: type === 'LOCK_BUSY' ? 'busy' : 'failed',
      [A.contended]: contended,
    });
    if (!expected) fail(span, type);
    span.end();
  }

  holding(template: string, options: TraceableOptions, lock: TraceableLock): TracedWork {
    const fences = new Set(lock.fences.values());
    const [fence] = fences;
    const span = this.#tracer.startSpan(`lock hold ${template}`, {
      attributes: {
        ...this.#attributes(lock.owned, template, options),
        ...(fences.size === 1 ? { [A.fence]: fence } : {}),
      },
    });
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

  #attributes(
    keys: readonly string[],
    template: string,
    { access, module, origin }: TraceableOptions,
  ): Attributes {
    return {
      [A.template]: template,
      [A.kind]: access.kind,
      ...(module === undefined ? {} : { [A.module]: module }),
      ...(origin === undefined ? {} : { [A.functionName]: origin.label }),
      ...(this.#keys ? { [A.keys]: [...keys] } : {}),
    };
  }
}

/** The status has no message, and the error is not recorded: both would have the key in them. */
function fail(span: Span, type: string): void {
  span.setAttribute(A.errorType, type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
