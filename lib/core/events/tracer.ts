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
  readonly origin?: {
    readonly label: string;
    readonly template: string | undefined;
    readonly untraced?: true;
  };
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

let warned = false;

/** A failure of telemetry is told once, by a warning of the process. */
function warn(error: unknown): void {
  if (warned) return;
  warned = true;
  const message = error instanceof Error ? error.message : String(error);
  process.emitWarning(
    `Telemetry of locks has failed: ${message}. Locks work as without telemetry. Spans and metrics may be missing. Check ` +
      'the span processors, the samplers and the views of the SDK. Further failures are not told.',
    'NestjsLockedWarning',
  );
}

/** Calls telemetry. @returns undefined if telemetry throws: its failure must not fail or keep a lock. */
export function safely<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    warn(error);
    return undefined;
  }
}

/** Runs `work` once, inside of `around`. The outcome is that of `work`, even if `around` throws. */
export function runInside<T>(around: (work: () => void) => void, work: () => T): T {
  const outcomes: (() => T)[] = [];
  const once = (): void => {
    if (outcomes.length === 0) outcomes.push(outcomeOf(work));
  };
  safely(() => around(once));
  once();
  return outcomes[0]();
}

function outcomeOf<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** As `tracer.acquiring`. The outcome is that of `take`, which is called once, even if the tracer fails. */
export async function acquiring<Options extends TraceableOptions, L>(
  keys: readonly string[],
  options: Options,
  take: (options: Options) => Promise<L>,
): Promise<L> {
  const { tracer } = tracing;
  if (tracer === undefined) return take(options);
  const taken: Promise<L>[] = [];
  const once = (each: Options): Promise<L> => {
    if (taken.length === 0) taken.push(take(each));
    return taken[0];
  };
  try {
    return await tracer.acquiring(keys, options, once);
  } catch (error) {
    const outcome = once(options);
    outcome.then(
      () => warn(error),
      (own: unknown) => own === error || warn(error),
    );
    return outcome;
  }
}

/** As `tracer.holding`. A failure of the tracer reaches neither the work nor the release. */
export function holding(options: TraceableOptions, lock: TraceableLock): TracedWork | undefined {
  const { tracer } = tracing;
  const traced = tracer && safely(() => tracer.holding(options, lock));
  return (
    traced && {
      run: (work) => runInside((inside) => traced.run(inside), work),
      end: (lost) => safely(() => traced.end(lost)),
    }
  );
}
