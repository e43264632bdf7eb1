/**
 * The hook of telemetry. It is empty unless `nestjs-locked/telemetry` runs: a lock then pays for one comparison. A
 * diagnostics channel cannot make a span the parent of the work's own spans, and this hook can.
 */

/** What telemetry notes about one acquisition. Without telemetry there is no record. */
export interface CallRecord {
  /** Whether the caller had to wait for another holder. */
  contended: boolean;
  /** The id of the trace that the caller is part of, if there is one. */
  readonly trace: string | undefined;
}

/** The part of an acquisition's options that telemetry reads, and the record that it adds. */
export interface TraceableOptions {
  readonly wait: number;
  readonly access: { readonly kind: string };
  readonly origin?: { readonly label: string; readonly template: string | undefined };
  readonly module?: string;
  readonly call?: CallRecord;
}

/** The part of a lock that telemetry reads. */
export interface TraceableLock {
  /** The keys that the lock took itself. Joined keys are not among them. */
  readonly owned: readonly string[];
  readonly fences: ReadonlyMap<string, number>;
}

export interface LockTracer {
  /** Calls `take` with options that have the record of this call. */
  acquiring<Options extends TraceableOptions, L>(
    keys: readonly string[],
    options: Options,
    take: (options: Options) => Promise<L>,
  ): Promise<L>;
  /** The work under a lock begins. Undefined if the work gets no span. */
  holding(options: TraceableOptions, lock: TraceableLock): TracedWork | undefined;
}

export interface TracedWork {
  run<T>(work: () => T): T;
  /** The lock was released, after the work. */
  end(lost: Error | undefined): void;
}

const SLOT = Symbol.for('nestjs-locked.tracer');

/** The slot. All copies of the package in one process share it. */
export const tracing: { tracer: LockTracer | undefined } = ((
  globalThis as { [SLOT]?: { tracer: LockTracer | undefined } }
)[SLOT] ??= { tracer: undefined });
