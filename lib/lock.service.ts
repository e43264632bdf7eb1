import { AsyncLocalStorage } from 'node:async_hooks';
import type { AcquireOptions, UsingOptions } from './core/acquire.options.js';
import { normaliseKeys } from './core/keys/normalise-keys.js';
import type { Lock } from './core/lock.js';
import type { HeldLock } from './core/lock.handle.js';
import type { Locker } from './core/locker.js';
import { type LockPolicy, resolveAcquire, resolveUsing } from './core/resolve-options.js';
import { LockLostError, LockNotHeldError, LockReentryError, isLockError } from './errors/index.js';

/** What `using` runs. */
export type LockedWork<T> = (lock: Lock) => T | PromiseLike<T>;

/** The locks that a call runs under, innermost first. */
interface Scope {
  readonly lock: HeldLock;
  readonly outer: Scope | undefined;
}

/**
 * Takes and gives back locks. Injected as `LockService`, or by `@InjectLockService(name)` for a named module.
 */
export class LockService {
  readonly #scopes = new AsyncLocalStorage<Scope | undefined>();
  readonly #locker: Locker;
  readonly #policy: LockPolicy;

  /** @internal Made by the module. */
  constructor(locker: Locker, policy: LockPolicy) {
    this.#locker = locker;
    this.#policy = policy;
  }

  /**
   * Takes the lock, waiting for other holders for at most `wait`. Several keys are taken all or none, in sorted order.
   * The caller must end it: by `await using`, or `release()` in a `finally`.
   *
   * @throws LockBusyError when it stayed busy.
   * @throws LockStoreError when the store failed or did not answer.
   * @throws LockAbortedError when `signal` ended the wait.
   */
  async acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lock> {
    return this.#acquire(key, resolveAcquire(options, this.#policy));
  }

  /**
   * Takes the lock if it is free; never waits for a holder.
   * @returns null only if it is busy: a failing store throws.
   */
  async tryAcquire(
    key: string | readonly string[],
    options?: Omit<AcquireOptions, 'wait' | 'signal'>,
  ): Promise<Lock | null> {
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
  using<T>(
    key: string | readonly string[],
    options: UsingOptions | undefined,
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
    const lock = await this.#acquire(key, resolved);
    let outcome: { result: T } | { error: unknown };
    try {
      outcome = {
        result: await this.#scopes.run({ lock, outer: this.#scopes.getStore() }, () => work(lock)),
      };
    } catch (error) {
      outcome = { error };
    }
    await lock.release();
    const lost = lock.lost;
    if (lost !== undefined && resolved.onLost === 'throw') {
      throw 'error' in outcome ? new LockLostError(lost.key, lost.reason, lost.held, outcome.error) : lost;
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
    for (let scope = this.#scopes.getStore(); scope !== undefined; scope = scope.outer) {
      if (!scope.lock.released && (key === undefined || scope.lock.keys.includes(key))) return scope.lock;
    }
    return undefined;
  }

  async #acquire(
    key: string | readonly string[],
    options: ReturnType<typeof resolveAcquire>,
  ): Promise<HeldLock> {
    const keys = normaliseKeys(key);
    for (const each of keys) {
      if (this.tryCurrent(each) !== undefined) throw new LockReentryError(each);
    }
    return this.#locker.acquire(keys, options);
  }
}
