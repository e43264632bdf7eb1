import type {
  AcquireOptions,
  DeclaredOptions,
  OneKind,
  ResolvedAcquire,
  ResolvedUsing,
  UsingOptions,
} from './core/options/acquire.options.js';
import { acquiring, holding, tracing } from './core/events/tracer.js';
import { normaliseKeys } from './core/keys/normalise-keys.js';
import type { Lock } from './core/contracts/lock.js';
import type { HeldLock } from './core/holds/lock.handle.js';
import type { LockEngine } from './core/engine/lock-engine.js';
import { LockInspection } from './lock.inspection.js';
import { checkJoin, checkReentry, holdsWithin } from './core/holds/reentry-checks.js';
import { badOption } from './core/options/option-checks.js';
import { type LockPolicy, resolveAcquire, resolveTry, resolveUsing } from './core/options/resolve-options.js';
import {
  currentLockContext,
  heldBy,
  holdOf,
  insideOf,
  runUnder,
  LockContext,
} from './core/holds/lock-context.js';
import type { Hold } from './core/holds/hold.js';
import { type LockError, LockLostError, LockNotHeldError, isLockError } from './errors/index.js';

type TryOptions = Omit<AcquireOptions, 'wait' | 'signal'>;

/** The work that `using` runs under the lock. */
export type LockedWork<T> = (lock: Lock) => T | PromiseLike<T>;

/**
 * Acquires and releases locks. Inject it as `LockService`, or by `@InjectLockService(name)` for a named module.
 */
export class LockService extends LockInspection {
  readonly #engine: LockEngine;
  readonly #policy: LockPolicy;
  readonly #resolved = new WeakMap<UsingOptions, ResolvedUsing>();

  /** @internal Made by the module. */
  constructor(engine: LockEngine, policy: LockPolicy) {
    super(engine);
    this.#engine = engine;
    this.#policy = policy;
  }

  /**
   * Acquires the lock, and waits at most `wait` for other holders. Several keys are acquired all or none, in sorted
   * order. The caller must release the lock: by `await using`, or by `release()` in a `finally`.
   *
   * @throws LockBusyError if the key stayed busy.
   * @throws LockStoreError if the store failed or did not answer.
   * @throws LockAbortedError if `signal` ended the wait.
   * @throws LockReentryError if this call runs under a hold of one of the keys, and `reentry` allows neither to join
   * that hold nor to wait.
   * @throws LockNotHeldError if the lock given as `within` was released, or holds none of the keys.
   * @throws LockDeadlockError if the wait would close a cycle of calls of this process.
   * @throws LockOptionsError if an option is invalid, or if another kind of lock has the key (`mode`, `limit`).
   */
  acquire<O extends AcquireOptions>(
    key: string | readonly string[],
    options: (O & DeclaredOptions<O>) | undefined,
  ): Promise<Lock>;
  acquire(key: string | readonly string[], options?: OneKind<AcquireOptions>): Promise<Lock>;
  acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lock> {
    try {
      return this.#acquire(key, resolveAcquire(options, this.#policy));
    } catch (error) {
      const refusal = error as LockError;
      return Promise.reject(refusal);
    }
  }

  /**
   * Acquires the lock if it is free, and never waits for a holder.
   * @returns null only if the lock is busy. If the store fails, this method throws.
   */
  tryAcquire<O extends TryOptions>(
    key: string | readonly string[],
    options: (O & DeclaredOptions<O>) | undefined,
  ): Promise<Lock | null>;
  tryAcquire(key: string | readonly string[], options?: OneKind<TryOptions>): Promise<Lock | null>;
  async tryAcquire(key: string | readonly string[], options?: TryOptions): Promise<Lock | null> {
    try {
      return await this.#acquire(key, resolveTry(options, this.#policy));
    } catch (error) {
      if (isLockError(error, 'LOCK_BUSY')) return null;
      throw error;
    }
  }

  /**
   * Runs `work` under the lock, and releases the lock when the work has settled, with a result or an error.
   *
   * @returns the work's result.
   * @throws the error of the work, unchanged.
   * @throws LockLostError after the work has settled, if the lock was lost meanwhile. Its `cause` is the work's error.
   */
  using<T>(key: string | readonly string[], work: LockedWork<T>): Promise<T>;
  using<T, O extends UsingOptions = never>(
    key: string | readonly string[],
    options: (O & DeclaredOptions<O>) | undefined,
    work: LockedWork<T>,
  ): Promise<T>;
  using<T>(
    key: string | readonly string[],
    options: OneKind<UsingOptions> | undefined,
    work: LockedWork<T>,
  ): Promise<T>;
  using<T>(
    key: string | readonly string[],
    optionsOrWork: UsingOptions | undefined | LockedWork<T>,
    maybeWork?: LockedWork<T>,
  ): Promise<T> {
    const alone = typeof optionsOrWork === 'function';
    const work = alone ? optionsOrWork : maybeWork;
    try {
      if (typeof work !== 'function' || (alone && maybeWork !== undefined))
        throw new TypeError('using(key, options?, work): work must be a function, and the last argument.');
      return this.usingResolved(key, resolveUsing(alone ? undefined : optionsOrWork, this.#policy), work);
    } catch (error) {
      const refusal = error as Error;
      return Promise.reject(refusal);
    }
  }

  /** The resolved options of a decorated method, which never change. @internal */
  resolveOnce(options: UsingOptions): ResolvedUsing {
    let resolved = this.#resolved.get(options);
    if (resolved === undefined) this.#resolved.set(options, (resolved = resolveUsing(options, this.#policy)));
    return resolved;
  }

  /** As `using`, with resolved options. @internal */
  async usingResolved<T>(
    key: string | readonly string[],
    resolved: ResolvedUsing,
    work: LockedWork<T>,
  ): Promise<T> {
    const keys = normaliseKeys(key);
    const current = currentLockContext();
    const outer = this.#contextOf(current, resolved.within);
    const lock = await this.#acquireUnder(outer, keys, resolved);
    const own = new LockContext(this.#engine.waits, outer, lock);
    const traced = holding(resolved, lock);
    const run = traced === undefined ? () => work(lock) : () => traced.run(() => work(lock));
    let result: T | undefined;
    let failure: { readonly error: unknown } | undefined;
    try {
      result = await runUnder(own, run);
    } catch (error) {
      failure = { error };
    }
    const released = lock.release();
    own.end();
    if (outer !== current) outer?.end();
    await released;
    const lost = lock.lost;
    traced?.end(lost);
    if (lost !== undefined && resolved.onLost === 'throw') {
      // The error is made here, because its stack leads to the caller.
      throw new LockLostError(lost.key, lost.reason, lost.held, failure?.error);
    }
    if (failure !== undefined) throw failure.error;
    return result as T;
  }

  /**
   * The lock that this call runs under: the innermost one of `@Locked` and `using`. With `key`, the innermost one that
   * holds `key`.
   * @throws LockNotHeldError if there is no such lock, or if it was released.
   */
  current(key?: string): Lock {
    const lock = this.tryCurrent(key);
    if (lock === undefined) throw new LockNotHeldError(key);
    return lock;
  }

  /** Like {@link current}, but returns undefined in place of the error. */
  tryCurrent(key?: string): Lock | undefined {
    for (let context = currentLockContext(); context !== undefined; context = context.outer) {
      const { lock } = context;
      if (context.graph !== this.#engine.waits || lock === undefined || lock.released) continue;
      if (key === undefined || lock.keys.includes(key)) return lock;
    }
    return undefined;
  }

  /** The context that a call runs under: its async context, and inside that the lock given as `within`. */
  #contextOf(context: LockContext | undefined, within: Lock | undefined): LockContext | undefined {
    if (within === undefined) return context;
    const lock = this.#engine.ownOf(within);
    if (lock === undefined) throw badOption('within', within, 'a lock of this very LockService');
    for (let each = context; each !== undefined; each = each.outer) if (each.lock === lock) return context;
    return new LockContext(this.#engine.waits, context, lock);
  }

  /** May throw errors about the arguments, before a promise exists. */
  #acquire(key: string | readonly string[], options: ResolvedAcquire): Promise<HeldLock> {
    return this.#acquireUnder(
      this.#contextOf(currentLockContext(), options.within),
      normaliseKeys(key),
      options,
    );
  }

  #acquireUnder(
    context: LockContext | undefined,
    keys: readonly string[],
    options: ResolvedAcquire,
  ): Promise<HeldLock> {
    if (context === undefined) return this.#take(keys, options);
    const { within, reentry } = options;
    const given = within === undefined ? [] : holdsWithin(within as HeldLock, keys);
    const held: Hold[] = [];
    const missing: string[] = [];
    const waited = new Set<string>();
    for (const key of keys) {
      const joined = given.find((hold) => hold.key === key);
      const hold = joined ?? holdOf(key, context, this.#engine.waits);
      if (hold !== undefined && joined === undefined && reentry === 'wait') waited.add(key);
      if (hold === undefined || waited.has(key)) missing.push(key);
      else held.push(checkReentry(hold, options, joined !== undefined));
    }
    // A call that waits for an outer hold is not part of the work that has this hold. So it does not delay the end of
    // that work, nor the end of the contexts which that work runs under.
    const own = (each: LockContext): boolean =>
      [...waited].some((key) => heldBy(each, key, this.#engine.waits) !== undefined);
    const under = waited.size === 0 ? context : insideOf(own, context);
    // A hold keeps its options. Without `within`, the options do not keep the joined lock in memory.
    const plain = within === undefined ? options : { ...options, within: undefined };
    if (held.length === 0) return this.#take(keys, plain, under);
    checkJoin(held, missing, options.signal);
    if (tracing.tracer === undefined || missing.length === 0)
      return this.#engine.join(held, missing, plain, under);
    const site = this.#engine.callSite();
    return acquiring(missing, plain, (each) => this.#engine.join(held, missing, each, under, site));
  }

  #take(keys: readonly string[], options: ResolvedAcquire, under?: LockContext): Promise<HeldLock> {
    const engine = this.#engine;
    if (tracing.tracer === undefined) return engine.acquire(keys, options, under);
    // The site is read here, because inside of the span its first frames are those of OpenTelemetry.
    const site = engine.callSite();
    return acquiring(keys, options, (each) => engine.acquire(keys, each, under, undefined, site));
  }
}
