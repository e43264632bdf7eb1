/** A LockService that also records its calls. */
import type { AcquireOptions, UsingOptions } from '../core/options/acquire.options.js';
import type { Lock } from '../core/contracts/lock.js';
import type { LockCall } from './lock-call.js';
import type { LockEngine } from '../core/engine/lock-engine.js';
import type { LockPolicy } from '../core/options/resolve-options.js';
import { isLockError } from '../errors/index.js';
import { type LockedWork, LockService } from '../lock.service.js';

type MutableCall = { -readonly [Property in keyof LockCall]: LockCall[Property] };

export class RecordingLockService extends LockService {
  readonly #calls: LockCall[];

  constructor(engine: LockEngine, policy: LockPolicy, calls: LockCall[]) {
    super(engine, policy);
    this.#calls = calls;
  }

  override async acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lock> {
    const call = this.#record('acquire', key, options);
    return this.#settled(call, super.acquire(key, options));
  }

  override async tryAcquire(
    key: string | readonly string[],
    options?: Omit<AcquireOptions, 'wait' | 'signal'>,
  ): Promise<Lock | null> {
    const call = this.#record('tryAcquire', key, options);
    return this.#settled(call, super.tryAcquire(key, options));
  }

  override using<T>(key: string | readonly string[], work: LockedWork<T>): Promise<T>;
  override using<T>(
    key: string | readonly string[],
    options: UsingOptions | undefined,
    work: LockedWork<T>,
  ): Promise<T>;
  override async using<T>(
    key: string | readonly string[],
    optionsOrWork: UsingOptions | undefined | LockedWork<T>,
    maybeWork?: LockedWork<T>,
  ): Promise<T> {
    const [options, work] =
      typeof optionsOrWork === 'function' ? [undefined, optionsOrWork] : [optionsOrWork, maybeWork];
    // If there is no work, the service itself throws the error.
    if (typeof work !== 'function') return super.using(key, options, work as unknown as LockedWork<T>);
    const call = this.#record('using', key, options);
    try {
      return await super.using(key, options, (lock) => {
        call.outcome = 'held';
        return work(lock);
      });
    } catch (error) {
      // If the lock was held, this is an error of the work.
      if (call.outcome === 'waiting') recordRefusal(call, error);
      throw error;
    }
  }

  #record(method: LockCall['method'], key: string | readonly string[], options?: UsingOptions): MutableCall {
    // For a value that is no key, the service itself throws the error.
    const keys = Array.isArray(key) ? [...(key as readonly string[])] : [key as string];
    const call: MutableCall = { method, keys, options, outcome: 'waiting', error: undefined };
    this.#calls.push(call);
    return call;
  }

  async #settled<L extends Lock | null>(call: MutableCall, acquiring: Promise<L>): Promise<L> {
    try {
      const lock = await acquiring;
      call.outcome = lock === null ? 'busy' : 'held';
      return lock;
    } catch (error) {
      recordRefusal(call, error);
      throw error;
    }
  }
}

function recordRefusal(call: MutableCall, error: unknown): void {
  call.outcome = isLockError(error, 'LOCK_BUSY') ? 'busy' : 'failed';
  call.error = error;
}
