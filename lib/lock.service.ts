import type {
  AcquireOptions,
  DeclaredOptions,
  OneKind,
  ResolvedAcquire,
  UsingOptions,
} from './core/acquire.options.js';
import { mixedKinds } from './core/mixed-kinds.js';
import { goTogether } from './core/token.js';
import { normaliseKeys } from './core/keys/normalise-keys.js';
import type { Lock } from './core/lock.js';
import type { HeldLock } from './core/lock.handle.js';
import type { Locker } from './core/locker.js';
import { type LockPolicy, resolveAcquire, resolveUsing } from './core/resolve-options.js';
import { currentScope, runUnder, Scope } from './core/scope.js';
import type { Section } from './core/section.js';
import {
  LockAbortedError,
  type LockError,
  LockLostError,
  LockNotHeldError,
  LockReentryError,
  isLockError,
  quoted,
} from './errors/index.js';

type TryOptions = Omit<AcquireOptions, 'wait' | 'signal'>;

/** What `using` runs. */
export type LockedWork<T> = (lock: Lock) => T | PromiseLike<T>;

/**
 * Takes and gives back locks. Injected as `LockService`, or by `@InjectLockService(name)` for a named module.
 */
export class LockService {
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
   * @throws LockReentryError when this call runs under one of the keys already, and may not join (`reentrant`).
   * @throws LockDeadlockError when the wait would close a circle of calls of this process.
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
    const lock = await this.#acquire(key, resolved);
    let outcome: { result: T } | { error: unknown };
    try {
      outcome = {
        result: await runUnder(new Scope(this.#locker.waits, currentScope(), lock), () => work(lock)),
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
    for (let scope = currentScope(); scope !== undefined; scope = scope.outer) {
      if (scope.graph !== this.#locker.waits || scope.lock.released) continue;
      if (key === undefined || scope.lock.keys.includes(key)) return scope.lock;
    }
    return undefined;
  }

  /** By what a call that runs in a scope holds a key. */
  #holderOf(key: string, innermost: Scope): Section | undefined {
    for (let scope: Scope | undefined = innermost; scope !== undefined; scope = scope.outer) {
      const section = scope.graph === this.#locker.waits ? scope.lock.rootOf(key) : undefined;
      if (section?.released === false) return section;
    }
    return undefined;
  }

  /** May throw what concerns the call itself. */
  #acquire(key: string | readonly string[], options: ReturnType<typeof resolveAcquire>): Promise<HeldLock> {
    const keys = normaliseKeys(key);
    const scope = currentScope();
    if (scope === undefined) return this.#locker.acquire(keys, options);
    const held: Section[] = [];
    const missing: string[] = [];
    for (const each of keys) {
      const section = this.#holderOf(each, scope);
      if (section === undefined) missing.push(each);
      else held.push(checkReentry(section, options));
    }
    if (held.length === 0) return this.#locker.acquire(keys, options, scope);
    checkJoin(held, missing, options.signal);
    return this.#locker.join(held, missing, options, scope);
  }
}

/** @throws what keeps a caller from taking anew what it runs under, by whatever kind of lock. */
function checkReentry(section: Section, { sharing, reentrant }: ResolvedAcquire): Section {
  const { key } = section;
  const held = section.options.sharing.kind;
  if (!goTogether(held, sharing.kind)) throw mixedKinds(key, sharing, held);
  if (held === 'shared' && sharing.kind === 'exclusive') {
    throw new LockReentryError(
      key,
      `The lock ${quoted(key)} is held by this very call already as a shared one, which cannot become an exclusive one: it would ` +
        `wait for all who share it, and so for itself. Take it exclusively on the outside, or end the shared one first.`,
    );
  }
  if (!reentrant) throw new LockReentryError(key);
  return section;
}

/** @throws what keeps a caller from joining what it holds of several keys, or of one. */
function checkJoin(
  held: readonly Section[],
  [first]: readonly string[],
  signal: AbortSignal | undefined,
): void {
  for (const section of held) {
    section.settleOverdue();
    if (section.lost !== undefined) throw section.lost;
    // Both sorted. Elsewhere they are taken in order, and two such callers could wait for each other for ever.
    if (first !== undefined && first < section.key) {
      throw new LockReentryError(
        section.key,
        `The lock ${quoted(section.key)} is held by this very call already, and ${quoted(first)}, which sorts before it, is not: ` +
          'taken in this order, they could wait for another process for ever. Take both on the outside, in one call.',
      );
    }
  }
  if (signal?.aborted) throw new LockAbortedError(held[0].key, 0, signal.reason);
}
