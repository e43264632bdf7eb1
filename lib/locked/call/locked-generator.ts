/** What `@Locked` puts in the place of an async generator: its first step takes the lock, its end gives it back. */
import { deferred } from '../../core/util/deferred.js';
import { isLockError } from '../../errors/index.js';
import { type AnyGenerator, bindGenerator, isAsyncGenerator } from '../lifetime/streamed-results.js';
import type { LockedCall } from '../locked-call.interface.js';
import { invoke, type LockedMethod, type Outcome, runLocked } from './run-locked.js';

/** The progress of one generator, as far as `return()` and `throw()` must know it. */
interface ReaderState {
  readonly withdrawn: AbortController;
  /** The generator that the steps are passed on to, from the first one on. */
  source: object | undefined;
}

/** The method's own generator, as it was made, and bound to the lock's async context. */
interface StartedGenerator {
  readonly source: object;
  readonly bound: AnyGenerator;
}

/** How a locked generator is told that its reader has left. A step of it may still wait for a lock. */
const withdrawFunctions = new WeakMap<object, () => void>();

/**
 * A generator queues its calls: `return()` would come after the first step, which waits for the lock. So `return()` and
 * `throw()` withdraw the wait first. The step that waited then says that the generator is done.
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
    // Settled before the body has begun: the lock is busy, and this is what onBusy made of it.
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
    // Throws the generator's own error again, or that the lock was lost.
    await outcome;
  }
}

/** @throws every error but the one that the reader has requested, by leaving. */
function ignoreWithdrawal(error: unknown, signal: AbortSignal): Outcome<undefined> {
  if (signal.aborted && isLockError(error, 'LOCK_ABORTED')) return { busy: true, result: undefined };
  throw error;
}
