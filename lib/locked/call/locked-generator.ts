/**
 * What `@Locked` puts in place of an async generator. The first step of the generator acquires the lock, and the end of
 * the generator releases it.
 */
import { deferred } from '../../core/util/deferred.js';
import { isLockError } from '../../errors/index.js';
import { type AnyGenerator, bindGenerator, isAsyncGenerator } from '../lifetime/streamed-results.js';
import type { LockedCall } from '../locked-call.js';
import { invoke, type LockedMethod, type Outcome, runLocked } from './run-locked.js';

/** The progress of one reader, which `return()` and `throw()` need to know. */
interface ReaderState {
  /** Ends the wait for the lock. */
  readonly withdrawn: AbortController;
  /** The generator that receives the steps. Undefined until the first step has acquired the lock. */
  source: object | undefined;
}

/** The generator that the method returned, and the same generator bound to the async context of the lock. */
interface StartedGenerator {
  readonly source: object;
  readonly bound: AnyGenerator;
}

/**
 * By locked generator: a function that tells the generator that its reader has left. A step of the generator may still
 * be waiting for a lock.
 */
const withdrawFunctions = new WeakMap<object, () => void>();

/**
 * JavaScript queues the calls of a generator, so `return()` would run after the first step, which waits for the lock.
 * So `return()` and `throw()` first withdraw the wait. The step that waited then reports that the generator is done.
 */
export function lockedGenerator(locked: LockedMethod, call: LockedCall): AnyGenerator {
  const reader: ReaderState = { withdrawn: new AbortController(), source: undefined };
  const generator = read(locked, call, reader);
  const withdraw = (): void => {
    if (reader.source === undefined) reader.withdrawn.abort(new Error('The generator was ended.'));
    else withdrawFunctions.get(reader.source)?.();
  };
  withdrawFunctions.set(generator, withdraw);
  for (const name of ['return', 'throw'] as const) {
    const queued = generator[name].bind(generator);
    const value = (given: unknown): Promise<IteratorResult<unknown>> => {
      withdraw();
      return queued(given);
    };
    Object.defineProperty(generator, name, { value, configurable: true, writable: true });
  }
  return generator;
}

async function* read(locked: LockedMethod, call: LockedCall, reader: ReaderState): AnyGenerator {
  const { signal } = reader.withdrawn;
  const { promise: ended, resolve: end, reject: fail } = deferred();
  let start!: (body: StartedGenerator) => void;
  const started = new Promise<StartedGenerator>((resolve) => (start = resolve));
  const work = (): Promise<void> | undefined => {
    if (signal.aborted) return undefined;
    const source = invoke(locked, call) as AnyGenerator;
    start({ source, bound: bindGenerator(source) });
    return ended;
  };
  const outcome = runLocked(locked, call, work, signal);
  const first = await Promise.race([
    started,
    outcome.catch((error: unknown) => ignoreWithdrawal(error, signal)),
  ]);
  if (!('source' in first)) {
    if (signal.aborted) return undefined;
    // The call settled before the body began: the lock is busy, and `first.result` is the result of `onBusy`.
    if (!isAsyncGenerator(first.result)) return first.result;
    reader.source = first.result;
    return yield* first.result;
  }
  try {
    if (signal.aborted) return undefined;
    reader.source = first.source;
    return yield* first.bound;
  } catch (error) {
    fail(error);
    throw error;
  } finally {
    end();
    // Rejects with the error of the generator itself, or with the error that says that the lock was lost.
    await outcome;
  }
}

/**
 * Ignores the LockAbortedError that the reader caused by leaving.
 * @throws every other error.
 */
function ignoreWithdrawal(error: unknown, signal: AbortSignal): Outcome<undefined> {
  if (signal.aborted && isLockError(error, 'LOCK_ABORTED')) return { busy: true, result: undefined };
  throw error;
}
