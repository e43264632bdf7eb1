import type {
  AcquireOptions,
  DeclaredOptions,
  OneKind,
  ResolvedAcquire,
  UsingOptions,
} from './core/options/acquire.options.js';
import { normaliseKeys } from './core/keys/normalise-keys.js';
import type { Lock } from './core/contracts/lock.js';
import type { HeldLock } from './core/holds/lock.handle.js';
import type { LockEngine } from './core/engine/lock-engine.js';
import { checkJoin, checkReentry, holdsWithin } from './core/holds/reentry-checks.js';
import { badOption } from './core/options/option-checks.js';
import { type LockPolicy, resolveAcquire, resolveUsing } from './core/options/resolve-options.js';
import { currentLockContext, insideOf, runUnder, LockContext } from './core/holds/lock-context.js';
import type { Hold } from './core/holds/hold.js';
import { type LockError, LockLostError, LockNotHeldError, isLockError } from './errors/index.js';

type TryOptions = Omit<AcquireOptions, 'wait' | 'signal'>;

/** What `using` runs. */
export type LockedWork<T> = (lock: Lock) => T | PromiseLike<T>;

/**
 * Takes and gives back locks. Injected as `LockService`, or by `@InjectLockService(name)` for a named module.
 */
export class LockService {
  readonly #engine: LockEngine;
  readonly #policy: LockPolicy;

  /** @internal Made by the module. */
  constructor(engine: LockEngine, policy: LockPolicy) {
    this.#engine = engine;
    this.#policy = policy;
  }

  /**
   * Takes the lock, waiting for other holders for at most `wait`. Several keys are taken all or none, in sorted order.
   * The caller must end it: by `await using`, or `release()` in a `finally`.
   *
   * @throws LockBusyError when it stayed busy.
   * @throws LockStoreError when the store failed or did not answer.
   * @throws LockAbortedError when `signal` ended the wait.
   * @throws LockReentryError when this call runs under one of the keys already, and may neither join nor wait (`reentry`).
   * @throws LockNotHeldError when the lock given as `within` is over, or holds none of the keys.
   * @throws LockDeadlockError when the wait would close a cycle of calls of this process.
   * @throws LockOptionsError when an option cannot be meant, or the key is taken by another kind of lock (`mode`, `limit`).
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
   * Takes the lock if it is free; never waits for a holder.
   * @returns null only if it is busy: a failing store throws.
   */
  tryAcquire<O extends TryOptions>(
    key: string | readonly string[],
    options: (O & DeclaredOptions<O>) | undefined,
  ): Promise<Lock | null>;
  tryAcquire(key: string | readonly string[], options?: OneKind<TryOptions>): Promise<Lock | null>;
  async tryAcquire(key: string | readonly string[], options?: TryOptions): Promise<Lock | null> {
    try {
      return await this.#acquire(key, resolveAcquire({ ...options, wait: 0 }, this.#policy));
    } catch (error) {
      if (isLockError(error, 'LOCK_BUSY')) return null;
      throw error;
    }
  }

  /**
   * Runs `work` under the lock and gives it back when the work has settled, whatever came of it.
   *
   * @returns the work's result.
   * @throws what the work threw, untouched.
   * @throws LockLostError after the work has settled, when the lock was lost meanwhile (`cause`: the work's error).
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
  async using<T>(
    key: string | readonly string[],
    optionsOrWork: UsingOptions | undefined | LockedWork<T>,
    maybeWork?: LockedWork<T>,
  ): Promise<T> {
    const [options, work] =
      typeof optionsOrWork === 'function' ? [undefined, optionsOrWork] : [optionsOrWork, maybeWork];
    if (typeof work !== 'function')
      throw new TypeError('LockService.using(key, options?, work): work must be a function.');
    const resolved = resolveUsing(options, this.#policy);
    const keys = normaliseKeys(key);
    const context = currentLockContext();
    const outer = this.#scopeOf(context, resolved.within);
    const lock = await this.#acquireUnder(outer, keys, resolved);
    const scope = new LockContext(this.#engine.waits, outer, lock);
    let outcome: { result: T } | { error: unknown };
    try {
      outcome = { result: await runUnder(scope, () => work(lock)) };
    } catch (error) {
      outcome = { error };
    }
    const released = lock.release();
    scope.end();
    if (outer !== context) outer?.end();
    await released;
    const lost = lock.lost;
    if (lost !== undefined && resolved.onLost === 'throw') {
      // Made here, where its stack leads to the caller.
      throw new LockLostError(
        lost.key,
        lost.reason,
        lost.held,
        'error' in outcome ? outcome.error : undefined,
      );
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.result;
  }

  /**
   * The lock that this call runs under: the innermost of `@Locked` and `using`, or the innermost that covers `key`.
   * @throws LockNotHeldError where there is none, or it was released.
   */
  current(key?: string): Lock {
    const lock = this.tryCurrent(key);
    if (lock === undefined) throw new LockNotHeldError(key);
    return lock;
  }

  /** As {@link current}, with undefined in place of the error. */
  tryCurrent(key?: string): Lock | undefined {
    for (let scope = currentLockContext(); scope !== undefined; scope = scope.outer) {
      const { lock } = scope;
      if (scope.graph !== this.#engine.waits || lock === undefined || lock.released) continue;
      if (key === undefined || lock.keys.includes(key)) return lock;
    }
    return undefined;
  }

  /** By what a call that runs in a scope holds a key. */
  #holderOf(key: string, innermost: LockContext): Hold | undefined {
    for (let scope: LockContext | undefined = innermost; scope !== undefined; scope = scope.outer) {
      const hold = this.#heldBy(scope, key);
      if (hold !== undefined) return hold;
    }
    return undefined;
  }

  #heldBy(scope: LockContext, key: string): Hold | undefined {
    const hold = scope.graph === this.#engine.waits ? scope.lock?.rootOf(key) : undefined;
    return hold?.released === false ? hold : undefined;
  }

  /** Under what a call runs: by its async context, and under the lock that it was given. */
  #scopeOf(scope: LockContext | undefined, within: Lock | undefined): LockContext | undefined {
    if (within === undefined) return scope;
    const lock = this.#engine.ownOf(within);
    if (lock === undefined) throw badOption('within', within, 'a lock of this very LockService');
    for (let each = scope; each !== undefined; each = each.outer) if (each.lock === lock) return scope;
    return new LockContext(this.#engine.waits, scope, lock);
  }

  /** May throw what concerns the call itself. */
  #acquire(key: string | readonly string[], options: ResolvedAcquire): Promise<HeldLock> {
    return this.#acquireUnder(
      this.#scopeOf(currentLockContext(), options.within),
      normaliseKeys(key),
      options,
    );
  }

  #acquireUnder(
    scope: LockContext | undefined,
    keys: readonly string[],
    options: ResolvedAcquire,
  ): Promise<HeldLock> {
    if (scope === undefined) return this.#engine.acquire(keys, options);
    const { within, reentry } = options;
    const given = within === undefined ? [] : holdsWithin(within as HeldLock, keys);
    const held: Hold[] = [];
    const missing: string[] = [];
    const waited = new Set<string>();
    for (const key of keys) {
      const joined = given.find((hold) => hold.key === key);
      const hold = joined ?? this.#holderOf(key, scope);
      if (hold !== undefined && joined === undefined && reentry === 'wait') waited.add(key);
      if (hold === undefined || waited.has(key)) missing.push(key);
      else held.push(checkReentry(hold, options, joined !== undefined));
    }
    // It is not part of the work that holds them, so it does not keep that work, nor what that runs under, from its end.
    const own = (each: LockContext): boolean =>
      [...waited].some((key) => this.#heldBy(each, key) !== undefined);
    const under = waited.size === 0 ? scope : insideOf(own, scope);
    // What it joins is not to be kept by what it takes.
    const plain = within === undefined ? options : { ...options, within: undefined };
    if (held.length === 0) return this.#engine.acquire(keys, plain, under);
    checkJoin(held, missing, options.signal);
    return this.#engine.join(held, missing, plain, under);
  }
}
